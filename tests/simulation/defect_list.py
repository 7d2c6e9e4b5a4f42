"""The planted defects: mistakes that others have made, each with the invariant that catches it."""

from typing import NamedTuple

ENGINE = "polymm/engine/"


class Defect(NamedTuple):
    """One mistake.

    Args:
        name: What is wrong.
        file: Where, from the root of the repository.
        old: The right text, exactly; it stands there once.
        new: The wrong text.
        invariant: Must fire.
        faults: Seeds whose scenario has one of these traits are tried first; () for all alike.
    """

    name: str
    file: str
    old: str
    new: str
    invariant: str
    faults: tuple[str, ...] = ()


DEFECTS: tuple[Defect, ...] = (
    # What is held back for an order
    Defect(
        "the reserve is released when a cancel is sent",
        ENGINE + "order_life.py",
        "        self.reserve_e6 = left_e6 + debt_e6\n",
        "        self.reserve_e6 = 0 if life is _CANCEL else left_e6 + debt_e6\n",
        "I11",
    ),
    Defect(
        "a canceled answer releases what was filled before it",
        ENGINE + "order_life.py",
        "        if left_e6 < 0 or self.open_ns <= self.gone_ns < NEVER_NS:\n",
        "        if left_e6 < 0 or self.closing_ns < NEVER_NS:\n",
        "I8",
        ("user_fill_late", "user_reordered"),
    ),
    Defect(
        "a fill owed is not held back",
        ENGINE + "order_life.py",
        "        self.reserve_e6 = left_e6 + debt_e6\n",
        "        self.reserve_e6 = left_e6\n",
        "I8",
        ("user_fill_late", "user_reordered"),
    ),
    Defect(
        "an order that owes a fill is final",
        ENGINE + "order_life.py",
        "            if self.gone_ns >= self.open_ns and not self._owed_e6:\n",
        "            if self.gone_ns >= self.open_ns:\n",
        "I8",
        ("user_fill_late", "user_reordered"),
    ),
    # What proves an end
    Defect(
        "one absence is proof",
        ENGINE + "order_life.py",
        "        return self.proven_ns > self.seen_ns\n",
        "        return self.absent_ns > self.open_ns\n",
        "I11",
        ("vanished",),
    ),
    Defect(
        "what was read too early counts",
        ENGINE + "order_settings.py",
        "    late_ns: int = 10 * SECOND\n    trade_late_ns: int = 8 * SECOND\n",
        "    late_ns: int = 1\n    trade_late_ns: int = 1\n",
        "I11",
        ("late",),
    ),
    Defect(
        "a placement without an answer is rejected by a timer",
        ENGINE + "order_life.py",
        "        return _QUARANTINED if self._is_stuck(now_ns, overdue_ns) else _UNKNOWN_NEW\n",
        "        return _REJECTED\n",
        "I11",
        ("post_reply_lost", "request_late"),
    ),
    Defect(
        "an answer that says nothing is a rejection",
        ENGINE + "order_evidence.py",
        "    if verdict is PlaceVerdict.UNKNOWN:\n",
        "    if verdict is PlaceVerdict.UNKNOWN and not event.reason:\n",
        "I11",
        ("post_reply_lost", "post_unknown"),
    ),
    Defect(
        "not canceled means gone",
        ENGINE + "order_evidence.py",
        "        order.refused_ns = max(order.refused_ns, recv_ns)\n",
        "        _note_canceled(order, recv_ns)\n"
        "        order.gone_ns = min(order.gone_ns, recv_ns)\n",
        "I11",
        ("cancel_unknown",),
    ),
    # Fills
    Defect(
        "a fill is applied each time it is told",
        ENGINE + "fill_ledger.py",
        "        if fill.status <= known.status:\n",
        "        if fill.status <= known.status:\n            self._count(known, 1)\n",
        "I9",
    ),
    Defect(
        "a failed settlement is not taken back",
        ENGINE + "fill_ledger.py",
        "        if is_void or fill.status is _CONFIRMED:\n",
        "        if fill.status is _CONFIRMED:\n",
        "I9",
        ("trade_failed",),
    ),
    Defect(
        "fills of Down count as Up",
        ENGINE + "fill_ledger.py",
        "        position = self._pair(fill.market)[fill.token]\n",
        "        position = self._pair(fill.market)[0]\n",
        "I9",
    ),
    Defect(
        "trades in lists are not applied",
        ENGINE + "order_manager.py",
        "        for fill in event.fills:\n            self._take_fill(now_ns, fill)\n",
        "",
        "I9",
        ("user_frame_lost", "user_closed"),
    ),
    Defect(
        "fills of final orders are ignored",
        ENGINE + "order_manager.py",
        "        news = self.fills.apply(event)\n",
        "        known = self.by_hash.get(event.order)\n"
        "        if known is not None and known.life.is_final:\n            return\n"
        "        news = self.fills.apply(event)\n",
        "I9",
        ("user_fill_late", "user_reordered"),
    ),
    # What may go out
    Defect(
        "an unknown placement is sent again",
        ENGINE + "engine.py",
        "        self.gate.note(now_ns, event)\n        self.reconciler",
        "        self.gate.note(now_ns, event)\n"
        "        is_lost = type(event) is ev.PlaceAnswered and event.reason == 'timeout'\n"
        "        if is_lost and event.order in self.orders.by_hash and self.gate.is_open:\n"
        "            lost = self.orders.by_hash[event.order]\n"
        "            self._actions.append(Post(lost.market, (lost.place,)))\n"
        "        self.reconciler",
        "I14",
        ("post_reply_lost", "request_lost"),
    ),
    Defect(
        "the journal is skipped before a POST",
        ENGINE + "driver.py",
        "        failure = self._plan(now_ns, market, signed)\n",
        '        failure = ""\n',
        "I22",
    ),
    Defect(
        "an order goes out though its plan could not be written",
        ENGINE + "driver.py",
        '            return "no_journal"\n',
        '            return ""\n',
        "I22",
        ("disk_full",),
    ),
    Defect(
        "mined counts as confirmed",
        "polymm/runtime/venue_words.py",
        "        TradeStatus.MINED: Settlement.MINED,\n",
        "        TradeStatus.MINED: Settlement.CONFIRMED,\n",
        "I13",
    ),
    Defect(
        "a trade that failed counts as one that is tried again",
        "polymm/runtime/venue_words.py",
        "        TradeStatus.FAILED: Settlement.VOID,\n",
        "        TradeStatus.FAILED: Settlement.RETRYING,\n",
        "I8",
        ("trade_failed",),
    ),
    Defect(
        "the limit of a market is held with the wrong sign",
        ENGINE + "risk.py",
        "difference_e6(load, up, down, margin_e6, is_bid=is_bid)",
        "difference_e6(load, up, down, margin_e6, is_bid=not is_bid)",
        "I1",
        ("late",),
    ),
    Defect(
        "unresolved orders are no exposure",
        ENGINE + "exposure.py",
        "        reserve_e6, life = order.reserve_e6, order.life\n",
        "        reserve_e6, life = order.reserve_e6, order.life\n"
        "        if life > Life.LIVE or life is Life.UNKNOWN_NEW:\n            return\n",
        "I1",
        ("post_reply_lost", "post_unknown"),
    ),
    Defect(
        "failed settlements do not restrict",
        ENGINE + "losses.py",
        '                self._reach(now_ns, "failed_settlements")\n',
        "                pass\n",
        "I27",
        ("failing", "trade_failed"),
    ),
    # Losses
    Defect(
        "a loss does not restrict",
        ENGINE + "losses.py",
        '            self._reach(now_ns, "loss")\n',
        "            pass\n",
        "I27",
        ("loss is near",),
    ),
    Defect(
        "mark-outs do not restrict",
        ENGINE + "losses.py",
        '            self._reach(now_ns, "markouts")\n',
        "            pass\n",
        "I27",
        ("mark-outs are near",),
    ),
    Defect(
        "limits that were reached end with the process",
        ENGINE + "losses.py",
        "        self.reached |= known.reached.keys()\n",
        "",
        "I27",
        ("failing",),
    ),
    Defect(
        "what stands when a limit is reached goes on standing",
        ENGINE + "engine.py",
        "        if is_reduced and not seat.is_reduced:\n            self._pull(now_ns, seat)\n",
        "",
        "I27",
        ("failing", "loss is near", "mark-outs are near"),
    ),
    # Cancels
    Defect(
        "cancels are sent for ever",
        ENGINE + "order_pursuit.py",
        "order.open_ns or len(order.cancels) >= settings.cancels_max:\n",
        "order.open_ns:\n",
        "I15",
        ("cancel_failed", "cancel_reply_lost"),
    ),
    Defect(
        "a cancel is repeated after a final answer",
        ENGINE + "order_pursuit.py",
        "        if order.refused_ns > order.open_ns or len(order.cancels)",
        "        if len(order.cancels)",
        "I15",
        ("cancel_unknown", "cancel_already_matched"),
    ),
    Defect(
        "a cancel is repeated at once",
        ENGINE + "order_pursuit.py",
        "            due_ns = max(failed_ns + settings.resends_ns[resend], order.retry_ns)\n",
        "            due_ns = max(order.asked_ns, order.retry_ns) + resend\n",
        "I15",
        ("cancel_failed", "cancel_reply_lost"),
    ),
    # Heartbeat
    Defect(
        "the heartbeat beats whatever happens",
        ENGINE + "beating.py",
        "        if fault:\n            # Before the first",
        "        if fault and now_ns < 0:\n            # Before the first",
        "I17",
        ("network_down", "user_silent", "market_silent"),
    ),
    Defect(
        "the venue is thought to wait longer for a beat",
        ENGINE + "beating.py",
        "    limit_ns: int = 10 * SECOND\n",
        "    limit_ns: int = 20 * SECOND\n",
        "I17",
        ("heartbeat_refused", "beat_lost"),
    ),
    # Starts, gaps, ends
    Defect(
        "a long gap of the user channel is taken for a short one",
        ENGINE + "proving.py",
        "    gap_ns_max: int = 2 * SECOND\n",
        "    gap_ns_max: int = 60 * SECOND\n",
        "I6",
        ("user_closed", "user_silent"),
    ),
    Defect(
        "one empty list is enough",
        ENGINE + "recovery.py",
        "            self._empty_ns = event.began_ns\n",
        "            self._empty_ns = event.began_ns\n"
        "            self._lists_done_ns = event.recv_ns\n",
        "I6",
    ),
    Defect(
        "a jump of the clock is ignored",
        ENGINE + "reconcile.py",
        "        if abs(event.delta_ns) > self.settings.jump_ns_max:\n",
        "        if abs(event.delta_ns) < 0:\n",
        "I26",
        ("clock_jumped",),
    ),
    Defect(
        "the close is not looked at",
        ENGINE + "market_end.py",
        "        self._close_ns = close_ns\n",
        "        self._close_ns = end_ns\n",
        "I5",
    ),
    Defect(
        "a stop ends without proof",
        ENGINE + "ending.py",
        '        code = self.code if is_proven else "unproven"\n',
        "        code, left = self.code, ()\n",
        "L7",
        ("kept", "stopped"),
    ),
    Defect(
        "the kill switch cancels nothing",
        ENGINE + "ending.py",
        "        self._sweeping.begin(now_ns)\n        self._cancel(now_ns)\n",
        "",
        "L1",
        ("kill_switch",),
    ),
    Defect(
        "a journal that is whole again opens nothing",
        ENGINE + "risk.py",
        '                self.reopen(now_ns, "journal")\n',
        "                pass\n",
        "L2",
        ("disk_full", "sync_failed"),
    ),
    Defect(
        "unknown orders are not asked about",
        ENGINE + "order_pursuit.py",
        "            self._ask(ReadOrder(order.order))\n",
        "            pass\n",
        "L3",
        ("post_reply_lost", "request_lost"),
    ),
    # Journal and memory
    Defect(
        "a lower status overwrites a higher one in the journal",
        ENGINE + "recovered.py",
        "        elif record.status > known.status:\n",
        "        elif record.status < known.status:\n",
        "I22",
        ("killed", "disk_full"),
    ),
    Defect(
        "every step is remembered",
        ENGINE + "engine.py",
        "        if type(event) is ev.BookChanged:\n",
        '        self.orders.counts[f"step {now_ns}"] += 1\n'
        "        if type(event) is ev.BookChanged:\n",
        "I20",
    ),
)
