"""The fixed parts of the page: style sheet, script and frame. Nothing here is loaded from a net."""

STYLE = """
:root { color-scheme: light; --paper: #f6f7f9; --card: #fff; --ink: #1b2330; --soft: #5c6778;
  --rule: #e2e6ec; --accent: #2563eb; --gain: #0a7f57; --loss: #c22f2f; --warn: #fff7e0;
  --warn-rule: #e9c46a; }
:root[data-theme="dark"] { color-scheme: dark; --paper: #0f141b; --card: #171e28; --ink: #e4e9f0;
  --soft: #97a3b4; --rule: #2a3442; --accent: #6ea8ff; --gain: #3ecf9a; --loss: #ff7b7b;
  --warn: #2a2412; --warn-rule: #8a6d1d; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, header { max-width: 1360px; margin: 0 auto; padding: 0 24px; }
header { display: flex; align-items: baseline; gap: 16px; padding-top: 28px; flex-wrap: wrap; }
h1 { font-size: 24px; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 36px 0 12px; }
h3 { font-size: 14.5px; margin: 0; }
p { margin: 4px 0; }
.soft, figcaption p { color: var(--soft); font-size: 13px; }
header button { margin-left: auto; }
button, select { font: inherit; font-size: 13px; color: var(--ink); background: var(--card);
  border: 1px solid var(--rule); border-radius: 7px; padding: 5px 10px; }
.tiles { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 12px;
  margin: 18px 0; }
.tile, figure, .sheet, .note { background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; }
.tile { padding: 12px 14px; }
.tile b { display: block; font-size: 20px; font-weight: 650; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 12.5px; }
.note { background: var(--warn); border-color: var(--warn-rule); padding: 12px 18px; }
.note ul { margin: 6px 0; padding-left: 20px; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
figure { margin: 0; padding: 14px 14px 6px; min-width: 0; }
figure.wide, .charts figure:last-child:nth-child(even) { grid-column: 1 / -1; }
figcaption { display: flex; gap: 4px 14px; align-items: baseline; flex-wrap: wrap; }
figcaption p { flex: 1 1 240px; margin: 0; }
.chart { height: 350px; }
.wide .chart { height: 560px; }
.chart.empty { display: flex; height: 120px; align-items: center; justify-content: center;
  color: var(--soft); text-align: center; padding: 0 24px; }
.sheet { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { padding: 5px 14px; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
.words th, td.text { text-align: left; white-space: normal; }
thead th { border-bottom: 1px solid var(--rule); color: var(--soft); font-weight: 600; }
tbody tr + tr td { border-top: 1px solid color-mix(in srgb, var(--rule) 55%, transparent); }
tbody th { padding-top: 14px; color: var(--accent); font-weight: 600; }
td.gain { color: var(--gain); } td.loss { color: var(--loss); } td.dim { color: var(--soft); }
.two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px;
  align-items: start; }
summary { cursor: pointer; margin: 36px 0 12px; font-size: 17px; font-weight: 650; }
footer { height: 40px; }
@media (max-width: 1000px) { .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .charts, .two { grid-template-columns: minmax(0, 1fr); } }
@media print { header button, select { display: none; } figure { break-inside: avoid; } }
"""

# The page draws each figure from its JSON and only adds what depends on light or dark.
SCRIPT = """
'use strict';
const figures = JSON.parse(document.getElementById('figures').textContent);
const root = document.documentElement;
const tone = (name) => getComputedStyle(root).getPropertyValue(name).trim();

function themed(layout) {
  const out = {...layout, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: tone('--ink')},
    hoverlabel: {bgcolor: tone('--card'), bordercolor: tone('--rule'),
      font: {color: tone('--ink')}}};
  for (const key of Object.keys(out)) {
    if (/^[xy]axis/.test(key)) {
      out[key] = {...out[key], gridcolor: tone('--rule'), zerolinecolor: tone('--soft'),
        linecolor: tone('--rule')};
    }
  }
  return out;
}

function draw(place, figure) {
  const data = figure.data.map((trace) => trace.type === 'heatmap'
    ? {...trace, textfont: {color: tone('--ink')}} : trace);
  Plotly.react(place, data, themed(figure.layout),
    {responsive: true, displaylogo: false, displayModeBar: false});
}

function drawAll() {
  for (const [id, figure] of Object.entries(figures.charts)) {
    draw(document.getElementById(id), figure);
  }
  const choice = document.getElementById('market');
  if (choice) draw(document.getElementById('price'), figures.markets[Number(choice.value)]);
}

const asked = window.matchMedia('(prefers-color-scheme: dark)');
function setTheme(dark) {
  root.dataset.theme = dark ? 'dark' : 'light';
  document.getElementById('theme').textContent = dark ? 'Light' : 'Dark';
  drawAll();
}
document.getElementById('theme').addEventListener('click',
  () => setTheme(root.dataset.theme !== 'dark'));
asked.addEventListener('change', (event) => setTheme(event.matches));
const choice = document.getElementById('market');
if (choice) choice.addEventListener('change', drawAll);
setTheme(asked.matches);
"""

# The policy makes the promise a fact: a browser refuses any request this page would make.
FRAME = """<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p class="soft">{subtitle}</p>
<button id="theme" type="button">Dark</button></header>
<main>
{body}
<noscript><p>The charts are drawn by a script, which is switched off; the tables are complete.</p>
</noscript>
</main>
<footer></footer>
<script type="application/json" id="figures">{figures}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""
