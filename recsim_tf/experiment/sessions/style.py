"""The look of a page of sessions, over that of `recsim_tf.pages`."""

STYLE = """\
:root { --shown: #2f6fd0; --clicked: #d9730d; --other: #b9bec7; --card: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --shown: #6ea4f4; --clicked: #f2a154; --other: #565c67; --card: #1f2228; } }
body { max-width: 70rem; }
p.about { color: var(--soft); margin: .2rem 0 1.2rem; max-width: none; }
table.users { border: 0; font-size: .95rem; } table.users td { white-space: nowrap; }
table.users td, table.users th { border-bottom: 1px solid var(--line); }
table.users td:last-child, table.users th:last-child { text-align: left; }
a { color: var(--shown); }
p.legend { max-width: none; } p.legend span { white-space: nowrap; margin-left: .9em; }
p.legend i { display: inline-block; width: .7em; height: .7em; border-radius: 2px;
  margin-right: .35em; }
i.shown, .part .shown { background: var(--shown); }
i.clicked, .part .clicked { background: var(--clicked); }
i.other, .part .other { background: var(--other); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .3rem 1.2rem 1rem; margin: 1.6rem 0; }
section h2 { border: 0; margin: .8rem 0 0; padding: 0; }
p.ending { margin: .1rem 0 .6rem; } p.state { color: var(--soft); font-size: .9rem;
  max-width: none; margin: .5rem 0; }
p.state b { color: var(--ink); font-weight: 600; }
svg.strip { display: block; width: 100%; height: 41px; }
svg.strip path { fill: var(--shown); opacity: .75; }
path.zero { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
p.caption { color: var(--soft); font-size: .8rem; margin: .15rem 0 .9rem; }
.turn { display: grid; grid-template-columns: 2.6rem minmax(17rem, 1.6fr) minmax(12rem, 1fr) 4rem
  10rem; gap: 0 1rem; padding: .55rem 0; border-top: 1px solid var(--line);
  align-items: start; font-size: .92rem; line-height: 1.4; }
.turn.head { color: var(--soft); font-size: .8rem; padding: .3rem 0; border: 0; position: sticky;
  top: 0; background: var(--card); z-index: 1; }
.turn.head > :nth-child(4) { text-align: right; }
.turn .number { color: var(--soft); font-variant-numeric: tabular-nums; }
.turn .reward { text-align: right; font-variant-numeric: tabular-nums; font-weight: 600; }
.turn .reward.none { color: var(--soft); font-weight: 400; }
.turn .says { font-style: italic; margin-bottom: .2rem; }
.turn ol { list-style: none; margin: 0; padding: 0; }
.turn li { padding: .05rem .4rem; border-left: 3px solid transparent; border-radius: 3px; }
.turn li .place { color: var(--soft); font-size: .8rem; margin-right: .5rem; }
.turn li.clicked { border-left-color: var(--clicked); font-weight: 600;
  background: color-mix(in srgb, var(--clicked) 13%, transparent); }
.turn .changes { color: var(--soft); font-size: .85rem; }
.turn details { max-width: 100%; }
.turn details[open] { grid-column: 1 / -1; margin: .5rem 0 0 3.6rem; }
.turn summary { cursor: pointer; list-style: none; } .turn summary::-webkit-details-marker {
  display: none; }
.thoughts { color: var(--soft); font-size: .78rem; line-height: 1.3; }
.shaded { display: flex; justify-content: space-between; gap: .5rem; font-size: .8rem;
  padding: 0 .3rem; margin-bottom: 2px; border-radius: 3px; background: linear-gradient(to right,
  color-mix(in srgb, var(--shown) 28%, transparent) var(--share), transparent 0); }
svg.bars { display: block; max-width: 100%; } svg.bars + svg.bars { margin-top: .3rem; }
.bars .other rect { fill: var(--other); } .bars .shown rect { fill: var(--shown); }
.bars .clicked rect { fill: var(--clicked); }
.turn table { border: 0; font-size: .82rem; margin: .4rem 0; }
.turn td, .turn th { padding: .1rem .7rem .1rem 0; }
.turn tr.shown td:first-child { color: var(--shown); font-weight: 600; }
.turn tr.clicked td:first-child { color: var(--clicked); font-weight: 600; }
.part { display: inline-block; width: 9rem; height: .7em; text-align: left; }
.part span { display: block; height: 100%; border-radius: 2px; }
p.more { color: var(--soft); border-top: 1px solid var(--line); margin: 0; padding: .7rem 0 0; }
@media (max-width: 50rem) {
  .turn { grid-template-columns: 2rem 1fr 3rem; } .turn.head { display: none; }
  .turn > :nth-child(3) { grid-column: 2; grid-row: 2; }
  .turn > :nth-child(4) { grid-column: 3; grid-row: 1; }
  .turn details, .turn > .policy { grid-column: 2 / -1; } }
"""
