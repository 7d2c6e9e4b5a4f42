/* The events of the bench, and the bare loop that is its yardstick. Compiled when the bench runs.

   The loop keeps two books of sizes by tick with a bitmap of those in use, one at the venue's time
   and one at ours, a delay on the way there, and the simplest place in a queue. A cancel acts at
   once, nothing is noted, nothing can be wrong: a yardstick of speed, not of fills. */
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { NOTHING, CHANGE, BOOK, LEVEL, TRADE };
enum { FRAME_END = 1, EVENT_END = 2, VENUE = 4, LOCAL = 8, ASK = 16, LAGGED = 64 };
enum { TICKS = 1024, TICK_E4 = 10, TOP = 999, LEVELS = 15, LOT_E6 = 1000000 };
#define NEVER (1LL << 62)

/* layout.TAPE */
typedef struct {
    int64_t exch_ns, recv_ns, size_e6;
    int16_t price_e4, top_bid_e4, top_ask_e4;
    uint8_t kind, flags;
} row_t;

typedef struct {
    int64_t size_e6[TICKS];
    uint64_t bits[TICKS / 64];
    uint64_t summary;
} side_t;

static inline void set_level(side_t *side, int tick, int64_t size_e6)
{
    uint64_t bit = 1ULL << (tick & 63);
    side->size_e6[tick] = size_e6;
    if (size_e6) {
        side->bits[tick >> 6] |= bit;
        side->summary |= 1ULL << (tick >> 6);
    } else if (!(side->bits[tick >> 6] &= ~bit)) {
        side->summary &= ~(1ULL << (tick >> 6));
    }
}

static inline int best_bid(const side_t *side)
{
    if (!side->summary) return 0;
    int word = 63 - __builtin_clzll(side->summary);
    return (word << 6) + 63 - __builtin_clzll(side->bits[word]);
}

static inline int best_ask(const side_t *side)
{
    if (!side->summary) return TICKS - 1;
    int word = __builtin_ctzll(side->summary);
    return (word << 6) + __builtin_ctzll(side->bits[word]);
}

/* Events */

static uint64_t drawn(uint64_t *seed)
{
    uint64_t x = (*seed += 0x9E3779B97F4A7C15ULL);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

static double unit(uint64_t *seed) { return ((drawn(seed) >> 11) + 0.5) * 0x1p-53; }

static int64_t some_size(uint64_t *seed) { return (5 + drawn(seed) % 496) * LOT_E6; }

/* Fill in `n` rows: a snapshot of 2 * LEVELS + 1 rows, then one event a row, `every_ns` apart on
   average at odd times, so that none meets an order. One in ten is a trade, told before the change
   it makes. Answers the time of the last. */
int64_t make_events(row_t *rows, int64_t n, uint64_t seed, int64_t start_ns, int64_t every_ns,
                    int64_t feed_ns)
{
    static side_t sides[2];
    int64_t now_ns = start_ns | 1, shown_e6 = -1;
    int shown_tick = 0, shown_side = 0, bid, ask;
    memset(sides, 0, sizeof sides);
    memset(rows, 0, n * sizeof *rows);
    for (int64_t i = 0; i < n; i++) {
        row_t *row = &rows[i];
        int side = drawn(&seed) & 1, tick, level;
        int64_t size_e6;
        row->top_bid_e4 = row->top_ask_e4 = -1;
        row->flags = VENUE | LOCAL;
        if (i <= 2 * LEVELS) {
            row->exch_ns = now_ns;
            row->recv_ns = now_ns + feed_ns;
            if (!i) {
                row->kind = BOOK;
                row->price_e4 = TICK_E4;
                continue;
            }
            side = i & 1;
            tick = side ? 501 + i / 2 : 500 - i / 2;
            size_e6 = some_size(&seed);
            set_level(&sides[side], tick, size_e6);
            row->kind = LEVEL;
            if (i == 2 * LEVELS) row->flags |= FRAME_END | EVENT_END;
        } else {
            double waited = -log(unit(&seed)) * every_ns;
            now_ns = (now_ns + 1 + (int64_t)waited) | 1;
            row->exch_ns = now_ns;
            row->recv_ns = now_ns + feed_ns;
            row->flags |= FRAME_END | EVENT_END;
            bid = best_bid(&sides[0]);
            ask = best_ask(&sides[1]);
            row->kind = CHANGE;
            if (shown_e6 >= 0) {
                side = shown_side;
                tick = shown_tick;
                size_e6 = shown_e6;
                shown_e6 = -1;
            } else if (unit(&seed) < 0.117) {
                /* Of what trades do not change at once nine in ten are changes. */
                row->kind = TRADE;
                row->flags |= LAGGED;
                tick = side ? ask : bid;
                size_e6 = sides[side].size_e6[tick];
                if (unit(&seed) > 0.05) size_e6 = 1 + drawn(&seed) % (size_e6 / LOT_E6);
                else size_e6 /= LOT_E6;
                size_e6 *= LOT_E6;
                shown_side = side;
                shown_tick = tick;
                shown_e6 = sides[side].size_e6[tick] - size_e6;
                row->price_e4 = tick * TICK_E4;
                row->size_e6 = size_e6;
                /* Who hits a bid sells. */
                if (!side) row->flags |= ASK;
                continue;
            } else {
                double what = unit(&seed);
                for (level = 0; level < LEVELS - 1 && unit(&seed) > 0.35;) level++;
                tick = side ? ask + level : bid - level;
                size_e6 = some_size(&seed);
                if (!level && what < 0.15 && ask - bid > 1) tick = side ? ask - 1 : bid + 1;
                else if (!level && what < 0.2 && ask - bid < 4) size_e6 = 0;
                else if (level > 4 && what < 0.2) size_e6 = 0;
            }
            if (tick < 20 && size_e6 == 0 && !side) size_e6 = some_size(&seed);
            if (tick > TOP - 20 && size_e6 == 0 && side) size_e6 = some_size(&seed);
            if (tick < 1) tick = 1;
            if (tick > TOP) tick = TOP;
            set_level(&sides[side], tick, size_e6);
        }
        row->price_e4 = tick * TICK_E4;
        row->size_e6 = size_e6;
        if (side) row->flags |= ASK;
    }
    return now_ns;
}

/* The limit: every row read once. */
int64_t read_once(const row_t *rows, int64_t n)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum += rows[i].exch_ns ^ rows[i].size_e6 ^ rows[i].price_e4;
    return sum;
}

/* The loop */

typedef struct {
    int64_t arrives_ns, front_e6, open_e6;
    int tick, is_live;
} order_t;

typedef struct {
    int64_t orders, fills, filled_e6;
} told_t;

static inline void apply(side_t *sides, const row_t *row)
{
    if (row->kind == CHANGE || row->kind == LEVEL)
        set_level(&sides[(row->flags & ASK) != 0], row->price_e4 / TICK_E4, row->size_e6);
}

static inline void requote(const side_t *sides, order_t *ours, int64_t now_ns, int64_t order_ns,
                           int half, int64_t size_e6, told_t *told)
{
    int twice = best_bid(&sides[0]) + best_ask(&sides[1]);
    int wanted[2] = {(twice - 2 * half) >> 1, (twice + 2 * half + 1) >> 1};
    for (int side = 0; side < 2; side++) {
        order_t *order = &ours[side];
        if (order->is_live && order->tick == wanted[side]) continue;
        *order = (order_t){now_ns + order_ns, -1, size_e6, wanted[side], 1};
        told->orders++;
    }
}

static inline void arrive(const side_t *sides, order_t *ours, int64_t now_ns)
{
    for (int side = 0; side < 2; side++) {
        order_t *order = &ours[side];
        if (order->is_live && order->front_e6 < 0 && order->arrives_ns <= now_ns)
            order->front_e6 = sides[side].size_e6[order->tick];
    }
}

static inline void meet(const row_t *row, order_t *ours, told_t *told)
{
    /* A trade meets the side it takes from; a change the side it is on. */
    int side = ((row->flags & ASK) != 0) ^ (row->kind == TRADE);
    order_t *order = &ours[side];
    int tick = row->price_e4 / TICK_E4;
    if (!order->is_live || order->front_e6 < 0) return;
    if (row->kind == TRADE) {
        int64_t reached_e6;
        if (side ? tick < order->tick : tick > order->tick) return;
        reached_e6 = row->size_e6 - (tick == order->tick ? order->front_e6 : 0);
        if (tick == order->tick)
            order->front_e6 = reached_e6 < 0 ? order->front_e6 - row->size_e6 : 0;
        if (reached_e6 <= 0) return;
        if (reached_e6 > order->open_e6) reached_e6 = order->open_e6;
        order->open_e6 -= reached_e6;
        told->fills++;
        told->filled_e6 += reached_e6;
        if (!order->open_e6) order->is_live = 0;
    } else if (tick == order->tick && row->size_e6 < order->front_e6) {
        order->front_e6 = row->size_e6;
    }
}

/* Run over rows that stand in one order for both cursors. `every_ns` 0: quote on every event. */
void run_bare(const row_t *rows, int64_t n, int64_t every_ns, int64_t order_ns, int64_t half,
              int64_t size_e6, told_t *told)
{
    static side_t venue[2], local[2];
    order_t ours[2] = {{0}, {0}};
    int64_t v = 0, l = 0, timer_ns = every_ns && n ? rows[0].recv_ns + every_ns : NEVER;
    memset(venue, 0, sizeof venue);
    memset(local, 0, sizeof local);
    memset(told, 0, sizeof *told);
    while (l < n) {
        int64_t venue_ns = v < n ? rows[v].exch_ns : NEVER, local_ns = rows[l].recv_ns;
        if (venue_ns <= local_ns && venue_ns <= timer_ns) {
            arrive(venue, ours, venue_ns);
            apply(venue, &rows[v]);
            if (rows[v].kind != LEVEL) meet(&rows[v], ours, told);
            v++;
        } else if (local_ns <= timer_ns) {
            apply(local, &rows[l]);
            l++;
            if (!every_ns) requote(local, ours, local_ns, order_ns, half, size_e6, told);
        } else {
            requote(local, ours, timer_ns, order_ns, half, size_e6, told);
            timer_ns += every_ns;
        }
    }
}
