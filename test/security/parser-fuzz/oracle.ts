// A second, slow and plain reading of the same rules, which shares no code with the parsers.

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The session id inside a well-formed token. */
export function expectedSessionId(token: string): string | undefined {
  if (token.length !== 64) return undefined;
  let bits = '';
  for (const character of token) {
    const value = BASE64URL.indexOf(character);
    if (value === -1) return undefined;
    bits += value.toString(2).padStart(6, '0');
  }
  const hex = (bits.slice(0, 128).match(/.{4}/g) ?? []).map((four) => Number.parseInt(four, 2).toString(16)).join('');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  const isVersion8 = parts[2]?.startsWith('8');
  return isVersion8 && /^[89ab]/.test(parts[3] ?? '') ? parts.join('-') : undefined;
}

/** The distinct values of the cookie, three at most. */
export function expectedCookies(cookies: string | readonly string[] | undefined, name: string): string[] {
  const values: string[] = [];
  for (const pair of [cookies ?? []].flat().flatMap((line) => line.split(/;/))) {
    const [, left, right] = /^([^=]*)=([^]*)$/.exec(pair) ?? [];
    if (left === undefined || right === undefined || withoutBlanks(left) !== name) continue;
    const value = withoutBlanks(right);
    if (!values.includes(value) && values.length < 3) values.push(value);
  }
  return values;
}

/** Of each header that names one of our tokens, three at most: the token inside, or `undefined` when it is damaged. */
export function expectedBearers(headers: readonly string[], prefix: string): (string | undefined)[] {
  return headers
    .map((header) => /^[Bb][Ee][Aa][Rr][Ee][Rr] +([^ ][^]*)$/.exec(header)?.[1])
    .filter((text) => text?.startsWith(prefix))
    .slice(0, 3)
    .map((text = '') => {
      const [, token, checksum] = /^([A-Za-z0-9_-]{64})([0-9A-Za-z]{6})$/.exec(text.slice(prefix.length)) ?? [];
      return token !== undefined && checksum === checksumOf(prefix + token) ? token : undefined;
    });
}

function checksumOf(text: string): string {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  let rest = BigInt((crc ^ 0xffffffff) >>> 0);
  let digits = '';
  for (; digits.length < 6; rest /= 62n) digits = BASE62.charAt(Number(rest % 62n)) + digits;
  return digits;
}

function withoutBlanks(text: string): string {
  let rest = text;
  while (/^[ \t]/.test(rest)) rest = rest.slice(1);
  while (/[ \t]$/.test(rest)) rest = rest.slice(0, -1);
  return rest;
}
