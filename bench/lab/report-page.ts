/** What a scenario came to, by policy. */
export interface ScenarioReport {
  readonly name: string;
  readonly what: string;
  readonly esps: readonly string[];
  readonly policies: readonly {
    readonly policy: string;
    readonly ratio: number;
    /** Minute and weights of each batch, of the first seed. */
    readonly curves: readonly (readonly [number, Readonly<Record<string, number>>])[];
  }[];
}

const width = 300;
const height = 90;
// Okabe and Ito's colours, which can be told apart by colour-blind readers.
const colours = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#999999'];

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const curve = (report: ScenarioReport, policy: ScenarioReport['policies'][number]): string => {
  const steps = Math.max(1, policy.curves.length - 1);
  const lines = report.esps.map((esp, index) => {
    const points = policy.curves
      .map(([, weights], batch) => {
        const y = height - ((weights[esp] ?? 0) / 1_000) * height;
        return `${((batch / steps) * width).toFixed(1)},${y.toFixed(1)}`;
      })
      .join(' ');
    return `<polyline points="${points}" fill="none" stroke="${colours[index % colours.length] ?? ''}" stroke-width="1.8"><title>${escape(esp)}</title></polyline>`;
  });
  const label = `Weights of ${report.esps.join(', ')} over ${policy.curves.length} batches under ${policy.policy}`;
  return `<figure><svg viewBox="-2 -2 ${width + 4} ${height + 4}" role="img" aria-label="${escape(label)}">
<rect width="${width}" height="${height}" class="frame"/>${lines.join('')}</svg>
<figcaption><b>${policy.policy}</b> ${policy.ratio.toFixed(4)}</figcaption></figure>`;
};

const section = (report: ScenarioReport): string => {
  const legend = report.esps
    .map(
      (esp, index) => `<span><i style="background:${colours[index % colours.length] ?? ''}"></i>${escape(esp)}</span>`,
    )
    .join(' ');
  return `<section id="${escape(report.name)}"><h2>${escape(report.name)}</h2><p>${escape(report.what)}</p>
<p class="legend">${legend}</p><div class="curves">${report.policies.map((policy) => curve(report, policy)).join('')}</div></section>`;
};

/** A page of its own, without scripts: the table, and each scenario's weights over its batches under every policy. */
export const reportPage = (
  reports: readonly ScenarioReport[],
  means: Readonly<Record<string, number>>,
  seeds: number,
): string => {
  const policies = Object.keys(means);
  const row = (name: string, ratios: readonly number[]): string => {
    const best = Math.max(...ratios);
    const cells = ratios.map((ratio) => `<td${ratio === best ? ' class="best"' : ''}>${ratio.toFixed(4)}</td>`);
    return `<tr><th>${name}</th>${cells.join('')}</tr>`;
  };
  const rows = reports.map((report) =>
    row(
      `<a href="#${escape(report.name)}">${escape(report.name)}</a>`,
      report.policies.map(({ ratio }) => ratio),
    ),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Routing lab</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 84rem; padding: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
th:first-child { text-align: left; font-weight: normal; }
.best { font-weight: bold; }
.best::before { content: "★ "; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; }
figure { margin: 0; }
svg { width: 100%; height: auto; }
.frame { fill: none; stroke: currentColor; stroke-opacity: .25; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; }
</style></head><body>
<h1>Routing lab</h1>
<p>Reward (delivered less five for every complaint) ÷ the reward of one who always knows the best working ESP for each mailbox
provider. ${seeds} seeds each; the curves are the first seed's: each ESP's weight from 0 (bottom) to 1000 (top), batch by batch.</p>
<div class="scroll"><table><thead><tr><th></th>${policies.map((policy) => `<th>${policy}</th>`).join('')}</tr></thead><tbody>
${rows.join('\n')}
${row('<b>geometric mean</b>', Object.values(means))}
</tbody></table></div>
${reports.map(section).join('\n')}
</body></html>
`;
};
