// What the compiler leaves to do before the library can be packed.
import { copyFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const library = new URL('libs/session/', root);

// The CommonJS build lives inside an ESM package, so its folder says what it holds.
writeFileSync(new URL('dist/cjs/package.json', library), '{ "type": "commonjs" }\n');

for (const file of ['README.md', 'LICENSE']) copyFileSync(new URL(file, root), new URL(file, library));
