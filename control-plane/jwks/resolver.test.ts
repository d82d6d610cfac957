import { describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { jwksKey } from '../model/jwks.js';
import { JwksResolver, jwksSettings } from './resolver.js';

/** Timers that fire when the test says so. */
class Held implements Clock {
  readonly due: { ms: number; callback: () => void }[] = [];
  now = (): number => 0;
  monotonic = (): number => 0;
  after(ms: number, callback: () => void): Timer {
    const entry = { ms, callback };
    this.due.push(entry);
    return { cancel: () => void this.due.splice(this.due.indexOf(entry), 1) };
  }
}

function resolver(answers: Record<string, string | Error>, mode: 'control-plane' | 'proxy' = 'control-plane') {
  const clock = new Held();
  const asked: string[] = [];
  let changes = 0;
  const keys = new JwksResolver({
    mode,
    refreshMs: 100_000,
    clock,
    random: () => 0.5,
    log: createLogger('test', 'silent'),
    fetch: async (url) => {
      asked.push(url);
      await Promise.resolve();
      const answer = answers[url] ?? new Error('nobody is there');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onChange: () => changes++,
  });
  return { keys, clock, asked, answers, changed: () => changes };
}

const RULE = { issuer: 'https://id.example.com/', jwksUri: 'http://keys/' };
const SET = '{"keys": []}';

describe('keys of issuers', () => {
  it('are fetched from their URL, or from where the issuer says', async () => {
    const discovered = { issuer: 'https://id.example.com/' };
    const { keys, asked } = resolver({
      'http://keys/': SET,
      'https://id.example.com/.well-known/openid-configuration': '{"jwks_uri": "https://id.example.com/keys"}',
      'https://id.example.com/keys': '{"keys": [{}]}',
    });
    const { fetched } = await keys.of([RULE, discovered, { issuer: 'inline', jwks: SET }]);
    expect(fetched.get(jwksKey(RULE) ?? '')).toEqual({ text: SET, error: undefined });
    expect(fetched.get(jwksKey(discovered) ?? '')?.text).toBe('{"keys": [{}]}');
    expect(asked).toHaveLength(3);
  });

  it.each([
    ['no answer', {}, /nobody/],
    ['what is no set of keys', { 'http://keys/': '{"password": "x"}' }, /no JSON Web Key Set/],
  ])('%s is told', async (_what, answers, error) => {
    const { keys } = resolver(answers);
    const result = (await keys.of([RULE])).fetched.get(jwksKey(RULE) ?? '');
    expect(result?.text).toBeUndefined();
    expect(result?.error).toMatch(error);
  });

  it('stay while the issuer is down, and change when it has others', async () => {
    const { keys, clock, answers, changed } = resolver({ 'http://keys/': SET });
    const before = await keys.of([RULE]);
    expect(await keys.of([RULE])).toBe(before);
    answers['http://keys/'] = new Error('down');
    clock.due.shift()?.callback();
    await new Promise(setImmediate);
    expect(changed()).toBe(1);
    expect((await keys.of([RULE])).fetched.get(jwksKey(RULE) ?? '')).toEqual({ text: SET, error: 'down' });
    // Tried again sooner than good keys are refreshed.
    expect(clock.due.map(({ ms }) => ms)).toEqual([1_000]);
    answers['http://keys/'] = '{"keys": [{}]}';
    clock.due.shift()?.callback();
    await new Promise(setImmediate);
    expect(changed()).toBe(2);
    expect((await keys.of([RULE])).fetched.get(jwksKey(RULE) ?? '')?.text).toBe('{"keys": [{}]}');
  });

  it('are no longer asked for when no rule does', async () => {
    const { keys, clock } = resolver({ 'http://keys/': SET });
    await keys.of([RULE]);
    expect((await keys.of([])).fetched.size).toBe(0);
    expect(clock.due).toEqual([]);
  });

  it("are the proxy's business where settings say so", async () => {
    const { keys, asked } = resolver({}, 'proxy');
    await keys.of([RULE]);
    expect(asked).toEqual([]);
    expect(jwksSettings({ PILOT_JWT_ENABLE_REMOTE_JWKS: 'envoy' }).mode).toBe('proxy');
    expect(jwksSettings({ PILOT_JWT_ENABLE_REMOTE_JWKS: 'true' }).mode).toBe('hybrid');
    expect(jwksSettings({ PILOT_JWT_PUB_KEY_REFRESH_INTERVAL: '1m' })).toEqual({
      mode: 'control-plane',
      refreshMs: 60_000,
    });
  });
});
