import type { IncomingMessage } from 'node:http';
import { messageOf } from '../../common/runtime/errors.js';
import { type DebugAnswer, type DebugSite, plain } from '../debug/server.js';
import { type Asset, type Assets, builtPage, loadAssets } from './assets.js';
import { loginPage } from './login-page.js';
import type { Sessions } from './sessions.js';

const ROOT = '/dashboard/';
const COOKIE = 'weft_session';
const MAX_FORM = 20_000;

/** Names in the page come from users: nothing inline runs, nothing is loaded from elsewhere, nobody frames it. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export interface DashboardOptions {
  /** Called once, when somebody opens the page; otherwise what `bin/build.mjs` made is read. */
  readonly load?: () => Promise<Assets>;
  /** Undefined where nobody but this machine is served. */
  readonly sessions?: Sessions;
}

/**
 * The page, below `/dashboard/`, and the door before it and before `/api/`: who calls from this machine (a port-forward does,
 * too) is let in, everybody else logs in with a token.
 */
export class Dashboard implements DebugSite {
  private assets: Promise<Assets> | undefined;

  constructor(private readonly options: DashboardOptions = {}) {}

  async answer(request: IncomingMessage, path: string, local: boolean): Promise<DebugAnswer | 'admitted' | undefined> {
    const page = path === '/dashboard' || path.startsWith(ROOT);
    if (!page && !path.startsWith('/api/')) return undefined;
    if (path === `${ROOT}login`) return secured(await this.login(request));
    if (!local) {
      const known = await this.isKnown(request);
      if (!page) return known ? 'admitted' : undefined;
      // Where nobody can log in, nobody from elsewhere is served.
      if (!known) return this.options.sessions === undefined ? undefined : secured(loginPage(401));
    }
    if (!page) return undefined;
    if (request.method !== 'GET' && request.method !== 'HEAD') return secured(plain('only GET', 405));
    if (path === '/dashboard') return secured({ ...plain('dashboard/'), status: 308, headers: { location: ROOT } });
    return secured(await this.file(request, path.slice(ROOT.length)));
  }

  private async file(request: IncomingMessage, name: string): Promise<DebugAnswer> {
    this.assets ??= (this.options.load ?? loadBuilt)();
    let assets: Assets;
    try {
      assets = await this.assets;
    } catch (error) {
      this.assets = undefined;
      return plain(`the page cannot be read: ${messageOf(error)}`, 500);
    }
    if (name === '') return encoded(request, assets.index, 'no-cache', assets.hash);
    const prefix = `assets/${assets.hash}/`;
    const found = name.startsWith(prefix) ? assets.files.get(name.slice(prefix.length)) : undefined;
    if (found === undefined) return plain('no such file', 404);
    return encoded(request, found, 'public, max-age=31536000, immutable', assets.hash);
  }

  private async isKnown(request: IncomingMessage): Promise<boolean> {
    const id = cookieOf(request);
    return id !== undefined && (await this.options.sessions?.has(id)) === true;
  }

  private async login(request: IncomingMessage): Promise<DebugAnswer> {
    const { sessions } = this.options;
    if (sessions === undefined) return plain('nobody can log in here', 404);
    if (request.method !== 'POST') return loginPage(200);
    let form: URLSearchParams;
    try {
      form = new URLSearchParams(await bodyOf(request));
    } catch (error) {
      return plain(messageOf(error), 413);
    }
    try {
      const result = await sessions.login((form.get('token') ?? '').trim());
      if (result.kind !== 'session') {
        return result.kind === 'refused'
          ? loginPage(401, 'The token is not valid, or does not allow to see the mesh.')
          : loginPage(429, 'Too many wrong tokens: wait a minute.');
      }
      const cookie = `${COOKIE}=${result.id}; Path=/; Max-Age=${result.maxAgeSeconds}; HttpOnly; SameSite=Strict`;
      return { ...plain(ROOT), status: 303, headers: { location: ROOT, 'set-cookie': cookie } };
    } catch (error) {
      return loginPage(503, `Nobody can say whether the token is valid: ${messageOf(error)}`);
    }
  }
}

function loadBuilt(): Promise<Assets> {
  const folder = builtPage();
  if (folder === undefined)
    return Promise.reject(new Error('this installation was built without it (node bin/build.mjs)'));
  return loadAssets(folder);
}

function secured(answer: DebugAnswer): DebugAnswer {
  return { ...answer, headers: { ...HEADERS, ...answer.headers } };
}

function encoded(request: IncomingMessage, asset: Asset, cache: string, hash: string): DebugAnswer {
  const headers = { 'cache-control': cache, vary: 'accept-encoding', etag: `"${hash}"` };
  if (request.headers['if-none-match'] === headers.etag) return { status: 304, type: asset.type, body: '', headers };
  const packs = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  if (!packs) return { status: 200, type: asset.type, body: asset.body, headers };
  return { status: 200, type: asset.type, body: asset.packed, headers: { ...headers, 'content-encoding': 'gzip' } };
}

function cookieOf(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === COOKIE) return value;
  }
  return undefined;
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.length > MAX_FORM) reject(new Error('the form is too long'));
    });
    request.on('end', () => resolve(text));
    request.on('error', reject);
  });
}
