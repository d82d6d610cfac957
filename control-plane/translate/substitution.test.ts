import { describe, expect, it } from 'vitest';
import { substitutionFormat } from './substitution.js';

describe('substitutionFormat', () => {
  it.each([
    ['plain', 'plain'],
    ['100%%', '100%%'],
    ['%PROTOCOL% %REQ(X-A?:PATH):10%', '%PROTOCOL% %REQ(X-A?:PATH):10%'],
    ['%START_TIME(%s.%3f)%', '%START_TIME(%s.%3f)%'],
    ['100%', '100%%'],
    ['%NOT_KNOWN%', '%%NOT_KNOWN%%'],
    ['%REQ%', '%%REQ%%'],
    ['%REQ()%', '%%REQ()%%'],
    ['%PROTOCOL(x)%', '%%PROTOCOL(x)%%'],
    ['a%b%c', 'a%%b%%c'],
  ])('%s becomes %s', (given, expected) => {
    expect(substitutionFormat(given)).toBe(expected);
  });
});
