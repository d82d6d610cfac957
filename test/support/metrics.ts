/** One sample of the Prometheus text format. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of one metric in a text in Prometheus' exposition format. */
export function parseMetrics(text: string, name: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([\w:]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match?.[1] !== name) return [];
    const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key, value]);
    return [{ labels: Object.fromEntries(labels) as Record<string, string>, value: Number(match[3]) }];
  });
}
