/** The look of `report.html`; colours carry the verdict, the offence and the faults of the lab, and nothing else. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #646d7e; --line: #d5dae3; --paper: #fff; --shade: #f4f6fa; --head: #eef2f9; --bad: #c1272d; --badge: #c1272d; --lit: #fbe4e4; --good: #1a7f4b; --doubt: #8a5a00; --fault: #a85f00; --part: #2f5da8; --open: #7a9bd0; --link: #1f55b5; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe4ee; --soft: #98a2b5; --line: #39414f; --paper: #14181f; --shade: #1c222c; --head: #232b38; --bad: #ff7b7b; --badge: #b3262c; --lit: #46242a; --good: #1a7f4b; --doubt: #946200; --fault: #f0a548; --part: #86aef0; --open: #4a6ea8; --link: #8db4f5; } }
* { box-sizing: border-box; }
body { margin: 24px auto; padding: 0 20px; max-width: 1240px; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
h1 { font-size: 26px; margin: 0; } h1 span { color: #fff; background: var(--doubt); border-radius: 4px; padding: 2px 12px; margin-right: 8px; }
h1.pass span { background: var(--good); } h1.violation span { background: var(--badge); }
p.lead { font-size: 17px; margin: 12px 0 4px; } p.figures { color: var(--soft); margin: 0; font-size: 13.5px; }
h2 { font-size: 17px; margin: 28px 0 8px; border-bottom: 1px solid var(--line); } small, .gap { color: var(--soft); font-weight: normal; }
.violations b { color: var(--bad); } .violations ul { margin: 2px 0 10px; padding-left: 22px; } .violations .more { color: var(--soft); } p.error { color: var(--fault); font-weight: 600; }
.scroll { overflow-x: auto; } .events span, svg .row { scroll-margin: 80px 0; } svg { display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } svg a text { fill: var(--link); }
svg .time, svg .gap, svg .number { font-size: 11px; } svg .time, svg .gap { fill: var(--soft); } svg .name { font-weight: 600; }
svg .head { fill: var(--head); stroke: var(--part); } svg .life { stroke: var(--line); } svg .message { stroke: var(--part); } svg .arrow, svg .step, svg .busy { fill: var(--part); } svg .open { fill: var(--open); }
svg .label, svg .about, svg .rule { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; } svg .about { fill: var(--soft); font-size: 11px; }
svg .cross { stroke: var(--fault); stroke-width: 2; fill: none; } svg .rule { fill: var(--fault); font-size: 11px; }
svg .ruled .message { stroke: var(--fault); stroke-dasharray: 5 3; } svg .ruled .arrow, svg .ruled .step { fill: var(--fault); } svg .turn { stroke: var(--soft); stroke-dasharray: 2 3; } svg .ruled .turn { stroke: var(--fault); }
svg .ruled.band .label { fill: var(--fault); } svg .band .label { stroke-width: 12px; } svg .lit { fill: var(--lit); } svg .offence .label, svg .offence .about, svg .offence .rule { stroke: var(--lit); }
svg .offence .message { stroke: var(--bad); stroke-width: 2; } svg .offence .arrow, svg .offence .step { fill: var(--bad); } svg .offence .label { fill: var(--bad); } svg .offence .about, svg .offence .time { fill: var(--ink); }
svg .row:target .number { font-weight: 700; text-decoration: underline; }
svg .mark line { stroke: var(--soft); } svg .mark path, svg .mark .mark-name { fill: var(--soft); font-size: 11px; } svg .mark.rule line { stroke: var(--fault); } svg .mark.rule path, svg .mark.rule .mark-name { fill: var(--fault); }
svg .mark.violation line { stroke: var(--bad); stroke-width: 2; } svg .mark.violation path, svg .mark.violation .mark-name { fill: var(--bad); }
.legend { font-size: 13px; color: var(--soft); margin: 4px 0; } .legend span { margin-left: 14px; } .legend span:first-child { margin: 0; }
.legend .violation { color: var(--bad); } .legend .rule { color: var(--fault); } .legend .busy { color: var(--part); } .legend .open { color: var(--open); }
table { border-collapse: collapse; margin: 8px 0; font-size: 14px; } td, th { text-align: left; padding: 2px 14px 2px 0; border-bottom: 1px solid var(--line); vertical-align: top; } tr.violation td { color: var(--bad); font-weight: 600; }
pre, .events { background: var(--shade); padding: 10px; overflow-x: auto; font: 12.5px/1.5 ui-monospace, monospace; }
.events span { display: block; padding-left: 3em; text-indent: -3em; overflow-wrap: anywhere; } .events .gap { padding: 2px 0 2px 3em; } .events .offence { background: var(--lit); } .events span:target { outline: 2px solid var(--link); }
pre.command { font-size: 14px; white-space: pre-wrap; }
`;
