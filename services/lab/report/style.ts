/** The look of `report.html`; colours carry the verdict, the offence and the faults of the lab, and nothing else. */
export const style = `
:root { --ink: #1c2330; --soft: #6b7486; --line: #d5dae3; --paper: #fff; --bad: #c1272d; --good: #1a7f4b; --fault: #b26a00; --part: #2f5da8; }
* { box-sizing: border-box; }
body { margin: 24px auto; padding: 0 20px; max-width: 1240px; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0; } h1 span { color: #fff; background: var(--soft); border-radius: 4px; padding: 2px 10px; margin-right: 6px; }
h1.pass span { background: var(--good); } h1.violation span, h1.error span { background: var(--bad); }
h2 { font-size: 17px; margin: 28px 0 8px; border-bottom: 1px solid var(--line); } small, .gap { color: var(--soft); font-weight: normal; }
.violations b { color: var(--bad); } .error { color: var(--bad); }
.scroll { overflow-x: auto; } svg { display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .time, svg .gap { fill: var(--soft); font-size: 11px; } svg .name { font-weight: 600; }
svg .head { fill: #eef2f9; stroke: var(--part); } svg .life { stroke: var(--line); } svg .message { stroke: var(--part); } svg .arrow, svg .step, svg .busy { fill: var(--part); }
svg .label { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; } svg .cross { stroke: var(--fault); stroke-width: 2; fill: none; } svg .rule { fill: var(--fault); font-size: 11px; }
svg .ruled .message { stroke: var(--fault); stroke-dasharray: 5 3; } svg .ruled .arrow { fill: var(--fault); }
svg .offence .message { stroke: var(--bad); stroke-width: 2; } svg .offence .arrow, svg .offence .step { fill: var(--bad); } svg .offence .label { fill: var(--bad); font-weight: 600; }
svg .mark line { stroke: var(--soft); } svg .mark path { fill: var(--soft); } svg .mark.rule line { stroke: var(--fault); } svg .mark.rule path { fill: var(--fault); }
svg .mark.violation line { stroke: var(--bad); stroke-width: 2; } svg .mark.violation path { fill: var(--bad); }
table { border-collapse: collapse; margin: 8px 0; font-size: 14px; } td, th { text-align: left; padding: 2px 14px 2px 0; border-bottom: 1px solid var(--line); vertical-align: top; } tr.violation td { color: var(--bad); font-weight: 600; }
pre { background: #f5f7fa; padding: 10px; overflow-x: auto; font-size: 12.5px; } pre .offence { background: #fbe4e4; font-weight: 600; } pre span:target { outline: 2px solid var(--bad); }
`;
