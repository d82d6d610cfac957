import { describe, expect, it } from 'vitest';
import { isLogFormat, substitutionFormat } from './substitution.js';

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

describe('isLogFormat', () => {
  it.each([
    '%REQ_WITHOUT_QUERY(:PATH):20% %CEL(request.path.contains("a"))% %PATH(NQ:ORIG):3%',
    '%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)% %DOWNSTREAM_PEER_CERT_V_END(%Y)% %UPSTREAM_TLS_CIPHER%',
    '%METADATA(ROUTE:istio:config)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)%',
  ])('takes %s', (format) => {
    expect(isLogFormat(format)).toBe(true);
  });

  it.each([
    '%CEL(1 +)%',
    '%COMMON_DURATION(DS_RX_BEG:US_TX_BEG)%',
    '%DURATION:3%',
    '%START_TIME:3%',
    '%PATH(XX)%',
    '%CLUSTER_METADATA(a:b):3%',
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(129)%',
    '%GRPC_STATUS(X)%',
  ])('refuses %s, as Envoy does', (format) => {
    expect(isLogFormat(format)).toBe(false);
  });

  it('knows of operators that headers do not have', () => {
    expect(substitutionFormat('%REQ_WITHOUT_QUERY(:PATH)%')).toBe('%%REQ_WITHOUT_QUERY(:PATH)%%');
    expect(substitutionFormat('%CEL(1 == 1)%')).toBe('%%CEL(1 == 1)%%');
  });
});
