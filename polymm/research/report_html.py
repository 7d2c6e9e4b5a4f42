"""One HTML file that holds a whole report: figures, charts with their library, facts, caveats."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import orjson
from plotly.offline import get_plotlyjs

from polymm.research import breakdown, report_charts, report_rows
from polymm.research.analytics import MarketFigures, measure_run
from polymm.research.comparison import band, label
from polymm.research.records import Run
from polymm.research.report_charts import PALETTE, Figure, Series
from polymm.research.report_page import FRAME, SCRIPT, STYLE
from polymm.research.report_prices import offered, price_chart
from polymm.research.report_rows import Json
from polymm.research.results import CHARTLESS, rounded
from polymm.research.summary import SCHEMA, summarise_run

# Rows of the table of markets; --json has them all.
MARKET_ROWS_MAX = 500

# id, title, what it shows, and who draws it.
CHARTS: tuple[tuple[str, str, str, Callable[[Sequence[Series]], Figure]], ...] = (
    (
        "equity",
        "Equity by window",
        "Settled markets only, after rebates. Dotted is edge, what fills earned against f; the "
        "rest is what f did after.",
        report_charts.equity,
    ),
    (
        "sources",
        "PnL by source",
        "Spread: f minus price at the fill. Adverse selection: move of f in the 5 s after. "
        "Inventory: from there to the last f. Settlement: from the last f to the outcome.",
        report_charts.sources,
    ),
    (
        "markouts",
        "Markout curve",
        "What a share was worth after its fill, by f. Errors clustered by window start.",
        report_charts.markouts,
    ),
    (
        "edges",
        "Edge by time left and price",
        "Cents a share against f at the fill; hover for shares and the 5 s markout.",
        report_charts.edge_by_tau_and_price,
    ),
    (
        "inventory",
        "Inventory",
        "Net position over the window, across markets; each market's own stands under its price.",
        report_charts.inventory,
    ),
    (
        "age",
        "Quote age against markout",
        "Whether old quotes are the ones that get picked off. Age is exact up to order latency.",
        report_charts.quote_age,
    ),
    (
        "queue",
        "Fill ratio against queue",
        "Orders that rested, by the shares ahead of them when they joined.",
        report_charts.queue,
    ),
    (
        "reasons",
        "Time without a quote",
        "Seconds inside the windows in which not both sides were live, by reason.",
        report_charts.no_quotes,
    ),
    (
        "reliability",
        "Reliability of f",
        "One observation a market and bucket of time left, so those of one market share their "
        "fate: the 95 % Wilson intervals are too narrow.",
        report_charts.reliability,
    ),
)


def page(runs: Sequence[Run]) -> str:
    """The whole page; same runs, same bytes.

    Raises:
        ValueError: There is no run to show.
    """
    return page_of(drawn(runs))


def drawn(runs: Sequence[Run]) -> Json:
    """The summary of runs together with the charts of their page: what is saved of a run.

    Raises:
        ValueError: There is no run to show.
    """
    if not runs:
        raise ValueError("a report needs at least one run, found none")
    measured = [measure_run(run) for run in runs]
    summaries = [summarise_run(run, m) for run, m in zip(runs, measured, strict=True)]
    lead = report_rows.headline(summaries)
    order = [lead, *(i for i in range(len(runs)) if i != lead)]
    series = [
        make_series(summaries[i], measured[i], PALETTE[n % len(PALETTE)])
        for n, i in enumerate(order)
    ]
    markets = [
        {
            "slug": m.run.market.slug,
            "fills": len(m.fills),
            "status": m.run.status,
            "chart": price_chart(m),
        }
        for m in offered(series[0].figures)
    ]
    charts = {name: draw(series) for name, _, _, draw in CHARTS}
    result = {"schema": SCHEMA, "runs": summaries, "band": band(summaries)}
    return rounded_json(result | {"page": {"charts": charts, "markets": markets}})


def rounded_json(result: Json) -> Json:
    """The result as it is after it was saved and read, so that both make the same page."""
    saved: Json = rounded(result)
    return saved


def page_of(result: Json) -> str:
    """The page of a result, of this process or a saved one."""
    lead = report_rows.headline(result["runs"])
    runs = [result["runs"][lead], *(r for i, r in enumerate(result["runs"]) if i != lead)]
    drawings = result.get("page") or {
        "charts": {name: CHARTLESS for name, *_ in CHARTS},
        "markets": [],
    }
    charts, markets = drawings["charts"], drawings["markets"]
    body = [
        tiles(runs[0]),
        caveats(runs),
        "<h2>Charts</h2>",
        chart_section(label(runs[0]), charts, markets),
        "<h2>Figures</h2>",
        figure_table(runs),
        fact_tables(runs),
        market_table(runs[0]),
    ]
    return framed(
        "polymm report",
        report_rows.counts_text(runs[0]),
        body,
        {name: chart for name, chart in charts.items() if not isinstance(chart, str)},
        [market["chart"] for market in markets],
    )


def framed(
    title: str,
    subtitle: str,
    body: Sequence[str],
    charts: Mapping[str, Json],
    markets: Sequence[Json] = (),
) -> str:
    """A whole page of its parts, with the library that draws the charts.

    Args:
        charts: By the id of the element each is drawn in.
        markets: Charts that the page's selector chooses from.
    """
    figures = orjson.dumps({"charts": charts, "markets": markets}).decode()
    return FRAME.format(
        title=title,
        subtitle=escape(subtitle),
        style=STYLE,
        body="\n".join(body),
        # "<" inside JSON could end the script element early; its escape means the same.
        figures=figures.replace("<", "\\u003c"),
        plotly=get_plotlyjs(),
        script=SCRIPT,
    )


def make_series(summary: Json, figures: Sequence[MarketFigures], colour: str) -> Series:
    """One run as the charts want it."""
    chosen = [m for m in breakdown.scope(figures)[1] if m.fills_known]
    return Series(label(summary), colour, figures, summary, chosen)


def tiles(run: Json) -> str:
    """The few figures that are read first, of the lead run."""
    over = "settled" if run["counts"]["settled"] else "unsettled"
    money, quoting = run[over], run["quoting"]
    basis = "settled" if over == "settled" else "marked at the last f, in no total"
    missing = report_rows.NO_TRADES if quoting["markets"] else report_rows.NOT_KNOWN
    shown = [("uptime, both sides live", report_rows.percent(quoting["uptime"]))]
    if money.get("markets_with_fills_known"):
        shown = [
            (
                f"PnL after rebates, {basis}",
                report_rows.dollars_e6(report_rows.after_rebates(money)),
            ),
            ("edge per share", report_rows.with_error(money["edge"])),
            ("markout 5 s per share", report_rows.with_error(money["markouts"][2])),
            ("fills", report_rows.fills_text(money)),
            *shown,
        ]
    else:
        shown = [("fills", missing), *shown]
    shown += [
        ("quoting when the book allows", report_rows.percent(quoting["quoting_share"])),
        ("orders placed", report_rows.number(quoting["orders"]["placed_n"])),
        ("books closed to the micro-dollar", report_rows.books_text(run["checks"])),
    ]
    cells = (f"<div class=tile><b>{escape(v)}</b><span>{escape(k)}</span></div>" for k, v in shown)
    lead = escape(label(run))
    return f'<p class="soft">Lead run: {lead}</p><div class=tiles>{"".join(cells)}</div>'


def caveats(runs: Sequence[Json]) -> str:
    """What flatters the result, before any chart is believed."""
    sentences = [f"Fair value f: {runs[0]['fair']}.", *report_rows.flattery(runs)]
    if any(run[part].get("fills_inferred") for run in runs for part in ("settled", "unsettled")):
        sentences.append(report_rows.THROUGH_NOTE)
    counts = runs[0]["counts"]
    if counts["reasons"]:
        reasons = report_rows.reasons_text(counts["reasons"])
        sentences.append(f"Left out of the money totals: {reasons}.")
    if counts["unsettled"] and not counts["settled"]:
        sentences.append("No market is settled: money and charts are of marks at the last f.")
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<section class=note><h3>What flatters this result</h3><ul>{items}</ul></section>"


def chart_section(run: str, charts: Mapping[str, Figure], markets: Sequence[Json]) -> str:
    """Every chart in its figure; a sentence where there is nothing to draw."""
    blocks = [price_block(run, markets)]
    blocks += [chart_block(name, title, text, charts[name]) for name, title, text, _ in CHARTS]
    return f'<div class="charts">{"".join(blocks)}</div>'


def chart_block(name: str, title: str, text: str, chart: Figure) -> str:
    """One chart with what it shows."""
    place = (
        f'<div class="chart empty">{escape(chart)}</div>'
        if isinstance(chart, str)
        else f'<div class="chart" id="{name}"></div>'
    )
    return f"<figure><figcaption><h3>{title}</h3><p>{text}</p></figcaption>{place}</figure>"


def price_block(run: str, markets: Sequence[Json]) -> str:
    """The chart of one market with its selector."""
    if not markets:
        return (
            '<figure class="wide"><figcaption><h3>Price with our fills</h3></figcaption>'
            '<div class="chart empty">No market ran, so there is no price to draw.</div></figure>'
        )
    options = "".join(
        f'<option value="{i}">{escape(m["slug"])}, {m["fills"]:,} fills, '
        f"{escape(m['status'])}</option>"
        for i, m in enumerate(markets)
    )
    return (
        '<figure class="wide"><figcaption><h3>Price with our fills</h3>'
        f"<p>Lead run ({escape(run)}); {report_rows.plural(len(markets), 'market')}, most fills "
        "first. Triangles grow with the shares; hollow ones are inferred. Long lines are thinned, "
        "and gaps in our quotes below a pixel bridged.</p>"
        f'<select id="market" aria-label="market">{options}</select></figcaption>'
        '<div class="chart" id="price"></div></figure>'
    )


def cell(text: str, *, money: bool = False) -> str:
    """One table cell, toned by what it says."""
    tone = "dim" if text.startswith("n/a") else ""
    if money and not tone and any(c in "123456789" for c in text):
        tone = "loss" if text.startswith("-") else "gain"
    return f'<td class="{tone}">{escape(text)}</td>' if tone else f"<td>{escape(text)}</td>"


def sheet(head: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    """A table that scrolls by itself when it is wide."""
    columns = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="sheet {kind}">{table}</div>'


def figure_table(runs: Sequence[Json]) -> str:
    """Every figure, one column a run: the same rows as on the terminal."""
    rows: list[str] = []
    section = ""
    for row in report_rows.run_rows(runs):
        if row.section != section:
            section = row.section
            rows.append(f"<th colspan={len(runs) + 1}>{escape(section)}</th>")
        money = row.name.startswith("PnL")
        cells = "".join(cell(text, money=money) for text in row.cells)
        rows.append(f"<td>{escape(row.name.strip())}</td>{cells}")
    return sheet(["", *report_rows.labels(runs)], rows)


def pairs_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A small table of words."""
    if not rows:
        return ""
    texts = [
        f"<td>{escape(row[0])}</td>" + "".join(f"<td class=text>{escape(t)}</td>" for t in row[1:])
        for row in rows
    ]
    return f"<section><h2>{escape(title)}</h2>{sheet(head, texts, 'words')}</section>"


def fact_tables(runs: Sequence[Json]) -> str:
    """Facts of the run, known optimism, exclusions, rejects, cycles and defects."""
    lead = runs[0]
    names = list(dict.fromkeys(name for run in runs for name in run["facts"]))
    facts = []
    for name in names:
        values = [run["facts"].get(name, "") for run in runs]
        facts.append((name, values[0] if len(set(values)) == 1 else " | ".join(values)))
    counted = [
        (kind, name, f"{count:,}")
        for kind, counts in (
            ("left out", lead["counts"]["reasons"]),
            ("reject", lead["quoting"]["orders"]["rejects"]),
            ("cycle", lead["quoting"]["cycles"]),
            ("maker", lead["quoting"]["counts"]),
            ("defect", lead["quoting"]["defects"]),
        )
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return (
        '<div class="two">'
        + pairs_table("Facts", ("fact", ""), facts)
        + pairs_table("Counts of the lead run", ("what", "name", "count"), counted)
        + "</div>"
        + pairs_table(
            "Known optimism of paper trading, and what is left of it here",
            ("optimism", "state", "why"),
            report_rows.optimism(lead),
        )
    )


def market_table(run: Json) -> str:
    """One line a market."""
    words = "market, start, standing, orders, uptime, fills, shares, edge, inventory, PnL, rebate"
    head = [*words.split(", "), "max |net|", "source"]
    rows = []
    for m in run["markets"][:MARKET_ROWS_MAX]:
        cells = [f"<td>{escape(m['slug'])}</td>", cell(m["start"])]
        cells.append(cell(m["exclusion"] or m["status"]))
        if m["status"] != "excluded":
            cells += [cell(f"{m['orders']:,}"), cell(report_rows.percent(m["uptime"]))]
        if "fills" in m:
            cells += [cell(f"{m['fills']:,}"), cell(report_rows.shares_e6(m["shares_e6"]))]
            figures = (report_rows.dollars(m[k]) for k in ("edge", "inventory_pnl", "pnl"))
            cells += [cell(text, money=True) for text in figures]
            cells += [cell(report_rows.dollars_e6(m["rebate_paid_e6"]))]
            cells += [cell(report_rows.number(m["net_abs_max"], 1))]
        elif m["status"] != "excluded":
            cells.append(f"<td colspan=7 class=dim>{report_rows.NO_TRADES}</td>")
        else:
            cells.append("<td colspan=9></td>")
        rows.append("".join([*cells, f"<td class=text>{escape(m['source'])}</td>"]))
    left = len(run["markets"]) - MARKET_ROWS_MAX
    more = f'<p class="soft">{left:,} markets more stand in --json.</p>' if left > 0 else ""
    title = "<summary>Markets of the lead run</summary>"
    return f"<details open>{title}{sheet(head, rows)}{more}</details>"
