import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSecondFactorKey } from './open-second-factor-key.js';

describe('the key of second factors that is kept beside the data', () => {
  let folder: string;
  let dataDir: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nest-sessions-key-'));
    dataDir = join(folder, 'data');
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const open = () => openSecondFactorKey({ secondFactorKey: undefined, dataDir });

  it('is made once, in a file that only its owner can read', async () => {
    const { key, description } = await open();
    const file = join(dataDir, 'second-factor.key');
    expect(key.symmetricKeySize).toBe(32);
    expect(await readFile(file, 'utf8')).toBe(`${key.export().toString('base64')}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(description).toBe(`a key in ${file} (SECOND_FACTOR_KEY is not set)`);
    expect((await open()).key.equals(key)).toBe(true);
  });

  it('is the same one for all that start at once, and nothing else is left', async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, open));
    expect(new Set(opened.map(({ key }) => key.export().toString('hex'))).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['second-factor.key']);
  });

  it('of another form is an error that names the file and not its content', async () => {
    await open();
    await writeFile(join(dataDir, 'second-factor.key'), 's3cret\n');
    await expect(open()).rejects.toThrow(
      `SECOND_FACTOR_KEY is not set, and ${join(dataDir, 'second-factor.key')} does not hold a key`,
    );
  });

  it('is not made where the environment has one', async () => {
    const secondFactorKey = createSecretKey(randomBytes(32));
    const { key, description } = await openSecondFactorKey({ secondFactorKey, dataDir });
    expect([key, description]).toEqual([secondFactorKey, 'the key of SECOND_FACTOR_KEY']);
    expect(await readdir(folder)).toEqual([]);
  });
});
