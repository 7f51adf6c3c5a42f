import { canInstallPackages, installPackage } from './apt-packages.mjs';
import { findCommand } from './find-command.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * The path of a Chromium, which is installed where that can be done without asking.
 *
 * @throws {Error} There is none; it says what to install.
 */
export async function findChromium() {
  const path = process.env.CHROMIUM_PATH ?? (await findCommand(...NAMES));
  if (path) return path;
  if (await canInstallPackages()) {
    await installPackage('chromium');
    const installed = await findCommand(...NAMES);
    if (installed) return installed;
  }
  throw new Error(`the page tests need Chromium: install one of ${NAMES.join(', ')}, or set CHROMIUM_PATH`);
}
