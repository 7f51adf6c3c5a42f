import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

const SEQUENCE = 0x30;
const ECDSA_WITH_SHA256 = der(SEQUENCE, Buffer.from('06082a8648ce3d040302', 'hex'));

/** Makes a self-signed certificate that is valid for a day, with nothing but Node.js. */
export function createSelfSigned(commonName: string): TlsIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = nameOf(commonName);
  const body = der(
    SEQUENCE,
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    name,
    der(SEQUENCE, timeOf(Date.now() - 3_600_000), timeOf(Date.now() + 86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const cert = der(SEQUENCE, body, ECDSA_WITH_SHA256, der(0x03, Buffer.of(0), sign('sha256', body, privateKey)));
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: toPem(cert) };
}

function nameOf(commonName: string): Buffer {
  const attribute = der(SEQUENCE, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(commonName)));
  return der(SEQUENCE, der(0x31, attribute));
}

/** Encodes a UTCTime. */
function timeOf(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replaceAll(/[-T:]|\.\d+Z$/g, '');
  return der(0x17, Buffer.from(`${digits.slice(2)}Z`));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const { length } = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), sizeOf(length), ...parts]);
}

/** Encodes a length in as few bytes as possible, because browsers accept no longer form. */
function sizeOf(length: number): Buffer {
  if (length < 128) return Buffer.of(length);
  return length < 256 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 255);
}

function toPem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
