import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** How long the page may take for anything, on a machine that does much else. */
const PATIENCE_MS = 60_000;

/** The system's browser; undefined where there is none. */
export function browserOnPath(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

export function launch(executablePath: string): Promise<Browser> {
  // Root, as in containers, may not have a sandbox.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

export interface Opened {
  readonly page: Page;
  /** What the browser complains about: errors, and whatever the content security policy refuses. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** A page that shows the dashboard, when it has shown its first answer. `hash` is the state in the address. */
export async function openDashboard(
  browser: Browser,
  url: string,
  hash = '',
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 820 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${url}/dashboard/${hash}`, { waitUntil: 'commit' });
  try {
    await page.waitForSelector('body[data-loaded]', { state: 'attached' });
  } catch (error) {
    throw new Error(`the page does not load: ${complaints.join('\n') || String(error)}`);
  }
  return { page, complaints, close: () => context.close() };
}

/** A line of the graph as the page has drawn it. */
export interface DrawnEdge {
  readonly source: string;
  readonly target: string;
  readonly protocol: string;
  readonly health: string;
  readonly security: string;
  readonly share?: number;
  readonly marks: readonly string[];
}

export function drawnEdges(page: Page): Promise<readonly DrawnEdge[]> {
  return page.evaluate(() =>
    (globalThis as unknown as { weft: { drawn: { edges: DrawnEdge[] } } }).weft.drawn.edges.map(
      ({ source, target, protocol, health, security, share, marks }) => ({
        source,
        target,
        protocol,
        health,
        security,
        ...(share === undefined ? {} : { share }),
        marks,
      }),
    ),
  );
}
