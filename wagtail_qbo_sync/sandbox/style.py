"""The one style sheet of the sandbox's pages."""

CSS = """
:root{color-scheme:light dark;--ink:#1c2b2a;--quiet:#51625f;--paper:#fff;--ground:#f2f5f3;
--line:#c9d4cf;--accent:#0b6150;--on-accent:#fff;--notice:#fff3c4;--bad:#9b1c1c;--bad-soft:#fdecec}
@media (prefers-color-scheme:dark){:root{--ink:#e6eeea;--quiet:#a9bab4;--paper:#17211f;
--ground:#0e1514;--line:#35443f;--accent:#6fd3bb;--on-accent:#06251e;--notice:#4a3d06;
--bad:#ffb4ab;--bad-soft:#3d1513}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground)}
.notice{margin:0;padding:.4rem 1rem;background:var(--notice);text-align:center;font-size:.9rem}
.top{display:flex;gap:1rem;align-items:baseline;margin:0;padding:.9rem 1.5rem;
background:var(--paper);border-bottom:1px solid var(--line)}
.brand{font-weight:700;font-size:1.1rem;text-decoration:none}
.where{color:var(--quiet)}.aside{margin-inline-start:auto}
td{vertical-align:top}details{min-width:16rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;margin:.3rem 0}
main{max-width:70rem;margin:1.5rem auto;padding:0 1rem 4rem}
.narrow{max-width:34rem;margin:auto}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0 1rem}h2{font-size:1.1rem;margin:0}
a{color:var(--accent)}
a:focus-visible,button:focus-visible,input:focus-visible,textarea:focus-visible,
.choice:focus-within{outline:3px solid var(--accent);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--paper)}
.bar,.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center}
.bar{justify-content:space-between}.end{justify-content:flex-end;margin-top:1rem}
button,.button{font:inherit;font-weight:600;padding:.5rem 1.1rem;border-radius:.4rem;
border:1px solid var(--accent);background:var(--accent);color:var(--on-accent);cursor:pointer;
text-decoration:none}
button.plain{background:transparent;color:var(--accent)}
input:not([type=radio]):not([type=checkbox]),textarea{font:inherit;width:100%;padding:.45rem .6rem;
border:1px solid var(--quiet);border-radius:.4rem;background:var(--paper);color:var(--ink)}
.search{margin-bottom:1rem}.search input[type=search]{flex:1 1 16rem;width:auto}
.search>label,.field label{display:block;font-weight:600;font-size:.9rem}
.tick{display:flex;gap:.4rem;align-items:center}
fieldset{border:1px solid var(--line);border-radius:.6rem;background:var(--paper);
margin:0 0 1rem;padding:.6rem 1rem 1rem}legend{font-weight:700;padding:0 .4rem}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.2rem 1rem}
.field{margin:.3rem 0}
.choice{display:flex;gap:.8rem;align-items:center;padding:.7rem;border:1px solid var(--line);
border-radius:.5rem;margin:.4rem 0;cursor:pointer}.choice small{display:block;color:var(--quiet)}
.cards{list-style:none;padding:0;display:grid;
grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));
gap:1rem}
.card{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:1.2rem}
.quiet{color:var(--quiet);font-size:.9rem}
.scroll{overflow-x:auto;background:var(--paper);border:1px solid var(--line);border-radius:.6rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:start;padding:.55rem .8rem;border-bottom:1px solid var(--line);font-weight:400}
thead th{font-weight:700;font-size:.85rem}.money{text-align:end;font-variant-numeric:tabular-nums}
.level1{padding-inline-start:2rem}.level2{padding-inline-start:3.2rem}
.level3,.level4{padding-inline-start:4.4rem}
.tag{border:1px solid var(--accent);color:var(--accent);border-radius:1rem;padding:.05rem .6rem;
font-size:.8rem;margin-inline-end:.3rem}.tag.off{border-color:var(--bad);color:var(--bad)}
.alert{background:var(--bad-soft);color:var(--bad);border-inline-start:4px solid var(--bad);
padding:.6rem 1rem}
.state{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;justify-content:space-between}
"""
