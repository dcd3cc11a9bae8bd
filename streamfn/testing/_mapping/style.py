"""The style sheet of a history's page: light and dark, and told apart by shape and sign as much as by colour."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #fbfaf8; --sheet: #fff; --ink: #1f2328; --faint: #6a6f78; --line: #e2e0db;
  --good: #dcefe3; --good-ink: #14532d; --twice: #ffe3a8; --twice-ink: #6b3d00;
  --bad: #fff; --bad-ink: #b3261e; --dead: #2b2f36; --dead-ink: #fff; --lost: #ecdcf5; --lost-ink: #5b1f82;
  --letter: #1f5fae; --letter-ink: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171b; --sheet: #1c1f24; --ink: #e6e4df; --faint: #9a9fa8; --line: #343840;
    --good: #1d3d2b; --good-ink: #b5e6c8; --twice: #5a3d00; --twice-ink: #ffdc94;
    --bad: #1c1f24; --bad-ink: #ff8f86; --dead: #dcdad5; --dead-ink: #15171b; --lost: #43265a; --lost-ink: #ecd3ff;
    --letter: #a9cdfa; --letter-ink: #0d2440;
  }
}
body { font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; color: var(--ink);
       background: var(--page); margin: 2.5rem auto; padding: 0 2rem; max-width: 110rem; }
h1 { font-size: 1.7rem; letter-spacing: -.01em; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
small, h1 + p { color: var(--faint); } small { font-size: .8rem; } h1 + p { margin: .2rem 0 1.2rem; }
.legend { display: flex; flex-wrap: wrap; align-items: baseline; gap: .4rem 1.4rem; list-style: none;
          padding: 0; margin: 0 0 1.2rem; }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%; background: var(--sheet);
          border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
th, td { padding: .55rem .8rem; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
.lanes td, .lanes th { border-left: 1px solid var(--line); min-width: 6.5rem; }
.lanes div { width: max-content; min-width: 100%; max-width: 17rem; }
.lanes th div { max-width: 13rem; overflow-wrap: anywhere; }
.fates div { width: max-content; }
.scroll tr > :first-child { position: sticky; left: 0; z-index: 1; background: var(--sheet); border-left: 0;
                           border-right: 2px solid var(--line); min-width: 5rem; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 400; } .lane { border-top: .3rem solid hsl(var(--hue) 60% 58%); }
thead small { display: block; white-space: nowrap; } thead b { font-size: 1.15rem; }
.lambda th { font-weight: 400; color: var(--faint); font-style: italic; } .lambda td { font-size: .9rem; }
.chip { display: inline-block; margin: .1rem .15rem .1rem 0; padding: 0 .45rem; border: 1.5px solid transparent;
        border-radius: .45rem; white-space: nowrap; }
.call { display: inline-block; margin: 0 .15rem .15rem 0; padding: .05rem 0 .05rem .2rem;
        border: 1px solid var(--line); border-radius: .6rem; }
.delivered { border-color: var(--line); color: var(--faint); }
.succeeded { background: var(--good); color: var(--good-ink); }
.repeated { background: var(--twice); color: var(--twice-ink); border: 3px double; font-weight: 700; }
.failed, .error { background: var(--bad); color: var(--bad-ink); border-color: currentColor; font-weight: 600; }
.died { background: var(--dead); color: var(--dead-ink); border-radius: 0; font-weight: 600; }
.letter { background: var(--letter); color: var(--letter-ink); font-weight: 600; border-radius: 0;
          padding-right: .85rem; clip-path: polygon(0 0, calc(100% - .6rem) 0, 100% .6rem, 100% 100%, 0 100%); }
.letters { display: block; } .letters small { margin-left: .2rem; }
.discarded { background: repeating-linear-gradient(135deg, transparent 0 5px, rgb(128 128 128 / .22) 5px 7px);
             background-color: var(--lost); color: var(--lost-ink); font-weight: 700;
             border: 1.5px dashed currentColor; }
tr:has(.bar) > * { vertical-align: top; }
.bar { display: block; height: .3rem; margin-bottom: .35rem; border-radius: 1rem; background: var(--line); }
.bar i { display: block; height: 100%; border-radius: 1rem; background: #2f9e63; }
.fates td, .fates th { padding: .3rem .8rem; } code { font-size: .9em; margin-left: .4rem; color: var(--faint); }
@media print { .scroll { overflow: visible; } }
"""
