import { createHash } from 'node:crypto';

const ID_BYTES = 16;

/** The tokens that the demo handed out during a run, and everything that would let somebody use or recognise one. */
export class IssuedTokens {
  private readonly tokens = new Set<string>();

  /** Takes the token out of `Set-Cookie` headers, the one place where it belongs (ASVS 3.3.4). */
  collect(setCookies: readonly string[]): void {
    for (const cookie of setCookies) {
      const token = /^(?:__Host-)?session=([\w-]{64});/.exec(cookie)?.[1];
      if (token) this.tokens.add(token);
    }
  }

  get count(): number {
    return this.tokens.size;
  }

  /** What must be in nothing that is stored, sent or logged: token and secret, as text of any encoding and as bytes. */
  listSecrets(): Buffer[] {
    return this.each((bytes, secret) => [...writingsOf(bytes), ...writingsOf(secret)]);
  }

  /** What may be where the store keeps hashes, and nowhere else. */
  listHashes(): Buffer[] {
    return this.each((_bytes, secret) => writingsOf(createHash('sha256').update(secret).digest()));
  }

  private each(write: (bytes: Buffer, secret: Buffer) => Buffer[]): Buffer[] {
    return [...this.tokens].flatMap((token) => {
      const bytes = Buffer.from(token, 'base64url');
      return write(bytes, bytes.subarray(ID_BYTES));
    });
  }
}

/** How many of the needles occur in the text or bytes. */
export function countOccurring(needles: readonly Buffer[], haystack: Buffer | string): number {
  const bytes = Buffer.isBuffer(haystack) ? haystack : Buffer.from(haystack);
  return needles.filter((needle) => bytes.includes(needle)).length;
}

/** Bytes as they are, and as the texts that they may turn up as. */
export function writingsOf(bytes: Buffer): Buffer[] {
  const texts = [
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64').replaceAll('=', ''),
    bytes.toString('base64url'),
    encodeURIComponent(bytes.toString('base64')),
  ];
  return [bytes, ...texts.map((text) => Buffer.from(text))];
}
