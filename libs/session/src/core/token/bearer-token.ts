import { crc32 } from 'node:zlib';

const PREFIX = /^[A-Za-z](?=.{0,14}_$)[A-Za-z0-9_]+$/;
const TOKEN_LENGTH = 64;
const CHECKSUM_LENGTH = 6;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * Formats a token outside of cookies: a prefix, the token's 64 characters, and a checksum.
 *
 * The checksum is CRC-32 of everything before it, as six base62 digits, most significant first. It lets secret scanners
 * recognize a real token offline. It is no protection: anyone who knows the format can compute it.
 */
export class BearerTokenFormat {
  constructor(private readonly prefix: string) {}

  /** Returns whether a text is a prefix: a letter, then letters, digits and `_`, with `_` at the end; at most 16 characters. */
  static isPrefix(text: unknown): text is string {
    return typeof text === 'string' && PREFIX.test(text);
  }

  format(token: string): string {
    const text = this.prefix + token;
    return text + checksum(text);
  }

  /** Returns whether the text is meant to be one of these tokens, intact or damaged. */
  claims(text: string): boolean {
    return text.startsWith(this.prefix);
  }

  /** Returns the token inside, still to be parsed; `undefined` when length, prefix or checksum is wrong. */
  parse(text: string): string | undefined {
    const end = this.prefix.length + TOKEN_LENGTH;
    if (text.length !== end + CHECKSUM_LENGTH || !this.claims(text)) return undefined;
    if (checksum(text.slice(0, end)) !== text.slice(end)) return undefined;
    return text.slice(this.prefix.length, end);
  }
}

function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  while (digits.length < CHECKSUM_LENGTH) {
    digits = BASE62.charAt(rest % BASE62.length) + digits;
    rest = Math.floor(rest / BASE62.length);
  }
  return digits;
}
