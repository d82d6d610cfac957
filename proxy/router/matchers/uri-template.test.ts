import { describe, expect, it } from 'vitest';
import { Issues } from '../../snapshot/issues.js';
import { compileUriTemplate } from './uri-template.js';

describe('path templates', () => {
  it.each([
    ['/foo/*', '/foo/bar', true],
    ['/foo/*', '/foo/', false],
    ['/foo/*', '/foo/bar/x', false],
    ['/foo/**', '/foo/', true],
    ['/foo/**', '/foo/a/b', true],
    ['/foo/**', '/foo', false],
    ['/foo/**/bar', '/foo/a/b/bar', true],
    ['/foo/*/bar/**', '/foo/a/bar/c/d', true],
    ['/foo/*/bar', '/foo/a%2Fb/bar', true],
    ['/*.txt', '/a.txt', true],
    ['/*.txt', '/aXtxt', false],
    ['/{x}/{y=a/*}', '/q/a/b', true],
    ['/foo/*/', '/foo/a/', true],
    ['/foo/*/', '/foo/a', false],
    ['/', '/', true],
    ['/a+b/*', '/a+b/c', true],
  ])('%s, %s: %s', (template, path, matches) => {
    const issues = new Issues();
    expect(compileUriTemplate(template, issues)?.(path)).toBe(matches);
    expect(issues.errors).toEqual([]);
  });

  it.each(['foo', '/foo/**/*', '/{a=*}/{a=*}', '/{1}', '/foo//bar', '/a*b/c', '/{a', '/f[o]o', '/x=y'])(
    '%s is refused',
    (template) => {
      const issues = new Issues();
      expect(compileUriTemplate(template, issues)).toBeUndefined();
      expect(issues.errors).toHaveLength(1);
    },
  );
});
