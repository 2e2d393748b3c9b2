"""The look of all explorers, in the colors of the JupyterLab theme, light or dark."""

STYLE = """<style>
.qlab-explorer {max-width: 842px; color: var(--jp-ui-font-color1, CanvasText)}
.qlab-explorer, .qlab-explorer .widget-html, .qlab-explorer .widget-html-content {margin: 0; min-width: 0;
  overflow: visible}
.qlab-controls {flex-flow: row wrap; column-gap: 32px; overflow: visible}
.qlab-controls > .widget-vbox {flex: 1 1 340px; max-width: 405px; overflow: visible}
.qlab-controls .widget-vbox > * {margin: 2px 0; max-width: 100%}
.qlab-controls .widget-inline-hbox {width: 100%}
.qlab-controls .widget-label {width: 56px; text-align: left; flex: none}
.qlab-controls .widget-readout {width: 112px; max-width: 112px; text-align: right;
  font-variant-numeric: tabular-nums}
.qlab-controls .widget-dropdown > select {background-size: 6px 6px;
  background-position: right 14px center, right 8px center;
  background-image: linear-gradient(45deg, transparent 50%, currentcolor 50%),
  linear-gradient(-45deg, transparent 50%, currentcolor 50%)}
.qlab-controls .widget-button {margin-left: 64px; width: auto; align-self: flex-start}
.qlab-view {font: 13px/1.4 var(--jp-ui-font-family, sans-serif); font-variant-numeric: tabular-nums;
  color: var(--jp-ui-font-color1, CanvasText)}
.qlab-view .figures {display: grid; grid-template-columns: repeat(auto-fill, minmax(124px, 1fr)); gap: 8px 12px;
  margin: 10px 0 6px}
.qlab-view .figures div {min-width: 0}
.qlab-view .figures span, .qlab-view .figures b {display: block; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis}
.qlab-view .figures span {font-size: 12px; color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view p {margin: 6px 0}
.qlab-view .remark {min-height: 1.4em}
.qlab-view .panels {display: flex; flex-flow: row wrap; gap: 12px 14px}
.qlab-explorer {container-type: inline-size}
@container (max-width: 841px) {.qlab-view .panels:has(figure:nth-child(4)) {max-width: 420px}}
.qlab-view .panels:has(figure:nth-child(6):last-child) {max-width: 636px}
@container (max-width: 627px) {
  .qlab-view .panels:has(figure:nth-child(6):last-child) figure:is(:nth-child(1), :nth-child(4)) {order: -1}}
@container (min-width: 300px) and (max-width: 413px) {
  .qlab-view .panels {align-items: flex-end}
  .qlab-view .panels figure[style="width:200px"] {max-width: calc(50% - 7px)}
  .qlab-view .panels :is(td, .ticks) {font-size: 10px}
  .qlab-view .panels figcaption {white-space: normal}
  .qlab-view .scroll .comparison :is(th, td) {font-size: 11px; padding: 2px}}
.qlab-view .scenes {display: grid; gap: 14px; grid-template-columns: repeat(3, minmax(0, 256px))}
@container (max-width: 500px) {
  .qlab-view .scenes {grid-template-columns: repeat(2, minmax(0, 256px))}
  .qlab-view .scenes figure:first-child {order: 1}}
.qlab-view figure {margin: 0; max-width: 100%}
.qlab-view figure :is(img, table) {max-width: 100%}
.qlab-view figcaption {white-space: nowrap; margin-bottom: 4px}
.qlab-view figcaption span, .qlab-view .ticks {font-size: 12px; color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view img {display: block; image-rendering: pixelated}
.qlab-view table {border-collapse: collapse; table-layout: fixed; margin: 0; font-size: 11px; border: 0}
.qlab-view .framed {position: relative; width: fit-content; max-width: 100%}
.qlab-view .framed div {position: absolute; outline: 1px solid #000; box-shadow: 0 0 0 2px #fff}
.qlab-view td {padding: 0; text-align: center; border: 0}
.qlab-view figure > img:last-of-type {margin-top: 6px}
.qlab-view .ticks {position: relative; height: 18px}
.qlab-view .ticks span {position: absolute; white-space: nowrap}
.qlab-view .stair {position: relative; margin: 26px 56px; font-size: 12px; line-height: 16px;
  color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view .stair svg {display: block; width: 100%}
.qlab-view .stair path {fill: none; vector-effect: non-scaling-stroke}
.qlab-view .stair .axis {stroke: var(--jp-border-color1, gray)}
.qlab-view .stair .same {stroke: var(--jp-ui-font-color2, gray); stroke-dasharray: 2 5}
.qlab-view .stair .step {stroke: var(--jp-brand-color1, #1976d2); stroke-width: 2}
.qlab-view .stair .data {fill: var(--jp-ui-font-color2, gray); opacity: .6}
.qlab-view .stair .limit {stroke: var(--jp-warn-color1, #f57c00); opacity: .6}
.qlab-view .stair .limit.on {stroke-width: 3; opacity: 1}
.qlab-view .tradeoff .stair path.on {stroke-width: 2; stroke-dasharray: 8 3}
.qlab-view .stair .round {stroke: var(--jp-success-color1, #388e3c); stroke-width: 2; stroke-dasharray: 8 3 2 3}
.qlab-view .legend {display: flex; flex-flow: row wrap; gap: 2px 16px; font-size: 12px}
.qlab-view .legend i {display: inline-block; width: 22px; margin-right: 6px; vertical-align: middle;
  border-top: 2px solid var(--jp-brand-color1, #1976d2)}
.qlab-view .legend .limit {border-top: 2px dashed var(--jp-warn-color1, #f57c00)}
.qlab-view .legend .round {border-top: 2px dashed var(--jp-success-color1, #388e3c)}
.qlab-view .legend .same {border-top: 2px dotted var(--jp-ui-font-color2, gray)}
.qlab-view .stair .clip {fill: var(--jp-warn-color1, #f57c00); opacity: .16}
.qlab-view .stair span {position: absolute; white-space: nowrap}
.qlab-view .stair .x {transform: translate(-50%, 4px)}
.qlab-view .stair .y {transform: translate(calc(-100% - 6px), -50%)}
.qlab-view .stair .code {transform: translate(6px, -50%)}
.qlab-view .stair .name {transform: translateY(-20px)}
.qlab-view .stair .last {transform: translate(6px, -20px)}
.qlab-view .stair .word {transform: translate(-50%, -50%); color: var(--jp-ui-font-color1, CanvasText)}
.qlab-view .stair .zero {width: 8px; height: 8px; border-radius: 50%; transform: translate(-50%, -50%);
  background: var(--jp-ui-font-color1, CanvasText)}
.qlab-view .stair .dim {opacity: .5}
.qlab-view .stair .here {width: 12px; height: 12px; border: 2px solid var(--jp-warn-color1, #f57c00);
  border-radius: 50%; transform: translate(-50%, -50%)}
.qlab-view .curves {display: flex; flex-flow: row wrap; column-gap: 8px}
.qlab-view .curves .stair {flex: 1 1 240px; margin: 24px 28px 26px 52px}
.qlab-view .keys {display: flex; flex-flow: row wrap; gap: 4px 20px; margin-top: 8px}
.qlab-view .rulers {position: relative; margin: 26px 18px 48px 76px; font-size: 12px; line-height: 16px;
  color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view .rulers svg {display: block; width: 100%}
.qlab-view .rulers path {fill: none; vector-effect: non-scaling-stroke}
.qlab-view .rulers .axis {stroke: var(--jp-border-color1, gray)}
.qlab-view .rulers .mark {stroke: var(--jp-brand-color1, #1976d2)}
.qlab-view .rulers .wasted {stroke: var(--jp-warn-color1, #f57c00)}
.qlab-view .rulers .data {fill: var(--jp-ui-font-color2, gray); opacity: .6}
.qlab-view .rulers span {position: absolute; white-space: nowrap}
.qlab-view .rulers .at {transform: translate(-50%, -50%)}
.qlab-view .rulers .name {transform: translate(-76px, -50%)}
.qlab-bits {flex-flow: row wrap; overflow: visible; margin: 4px 0 0}
.qlab-bits .widget-toggle-button {width: 24px; height: 26px; padding: 0; margin: 1px;
  font: 13px/24px var(--jp-code-font-family, monospace); border-bottom: 3px solid var(--qlab-field)}
.qlab-bits .widget-toggle-button.mod-active {background: color-mix(in srgb, var(--qlab-field) 30%, transparent)}
.qlab-explorer :is(.qlab-sign) {--qlab-field: #d55e00}
.qlab-explorer :is(.qlab-exponent, .qlab-index) {--qlab-field: #3a8fd0}
.qlab-explorer :is(.qlab-fraction, .qlab-rest, .qlab-number) {--qlab-field: #1b9e77}
.qlab-view .fields {display: flex; flex-flow: row wrap; gap: 8px; margin-top: 6px}
.qlab-view .fields div {border-left: 4px solid var(--qlab-field); padding: 0 10px 0 8px; min-width: 0}
.qlab-view .fields :is(span, code) {display: block; overflow-wrap: anywhere; color: inherit; background: none}
.qlab-view .fields span {font-size: 12px; color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view .formula {font-size: 15px}
.qlab-view .line {position: relative; margin: 4px 40px 26px; font-size: 12px; line-height: 16px;
  color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view .line svg {display: block; width: 100%; overflow: visible}
.qlab-view .line path {vector-effect: non-scaling-stroke}
.qlab-view .line .axis {fill: none; stroke: var(--jp-border-color1, gray)}
.qlab-view .line .tick {fill: #3a8fd0; stroke: #3a8fd0}
.qlab-view .line .low {fill: #d55e00; stroke: #d55e00}
.qlab-view .line .data {fill: var(--jp-ui-font-color2, gray); opacity: .6}
.qlab-view .line span {position: absolute; white-space: nowrap}
.qlab-view .line .x {transform: translate(-50%, 3px)}
.qlab-view .line .before {transform: translate(calc(-100% + 16px), 3px)}
.qlab-view .line .after {transform: translate(-16px, 3px)}
.qlab-view .line .entered {width: 2px; height: 30px; transform: translate(-1px, -4px);
  background: var(--jp-ui-font-color1, CanvasText)}
.qlab-view .line .stored {width: 9px; height: 9px; border-radius: 50%; transform: translate(-50%, -50%);
  background: var(--jp-ui-font-color1, CanvasText)}
.qlab-view .scroll {overflow-x: auto; width: 0; min-width: 100%}
.qlab-view .comparison {width: 100%; table-layout: auto; font-size: 12px; margin: 12px 0}
.qlab-view .comparison caption {text-align: left; font-size: 12px; color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view .comparison :is(th, td) {text-align: left; padding: 2px 4px; font-weight: inherit; white-space: normal;
  border-bottom: 1px solid var(--jp-border-color2, gray)}
.qlab-view .comparison td + td {white-space: nowrap}
.qlab-view .words td + td {white-space: normal; overflow-wrap: anywhere}
.qlab-view .comparison th {color: var(--jp-ui-font-color2, CanvasText)}
.qlab-view .comparison td {background: linear-gradient(var(--jp-layout-color3, silver) 0 0) 0 0 / 0 no-repeat}
.qlab-view .comparison .chosen {font-weight: bold; box-shadow: inset 3px 0 var(--jp-brand-color1, #1976d2)}
.qlab-view .call code {font: 12px var(--jp-code-font-family, monospace); white-space: pre-wrap;
  background: var(--jp-layout-color2, transparent); color: var(--jp-ui-font-color1, CanvasText); padding: 2px 6px}
</style>"""

# ipywidgets gives a slider's handle neither a name nor, for listed values, the value as text, and JupyterLab takes
# the arrow keys and letters pressed in a list for its own shortcuts. This mends both after each rewrite of the
# view; where a page forbids inline scripts it does nothing.
NAME_SLIDERS = """<img alt="" src="data:," hidden onerror="
for (const slider of this.closest('.qlab-explorer')?.querySelectorAll('.widget-slider') ?? []) {
  const handle = slider.querySelector('.noUi-handle'), label = slider.querySelector('.widget-label');
  handle?.setAttribute('aria-label', label?.title || label?.textContent);
  const readout = slider.querySelector('.widget-readout');
  handle?.setAttribute('aria-valuetext', readout.textContent);
  readout.setAttribute('role', 'textbox');
  readout.setAttribute('aria-label', (label?.title || label?.textContent) + ', as text');
}
for (const bit of this.closest('.qlab-explorer')?.querySelectorAll('.qlab-bits button') ?? []) {
  bit.setAttribute('aria-label', bit.title + ': ' + bit.textContent);
}
for (const field of this.closest('.qlab-explorer')?.querySelectorAll('select, input') ?? []) {
  field.setAttribute('data-lm-suppress-shortcuts', 'true');
}">"""
