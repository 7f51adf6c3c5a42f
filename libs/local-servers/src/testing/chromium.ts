import { findCommand } from '../processes/find-command.js';
import { canInstallPackages, installPackage } from './apt-packages.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * Returns the path of a Chromium, which is installed where that needs no question.
 *
 * @throws {Error} There is none; the message says what to install.
 */
export async function findChromium(): Promise<string> {
  const path = process.env['CHROMIUM_PATH'] ?? (await findCommand(...NAMES));
  if (path) return path;
  if (await canInstallPackages()) {
    await installPackage('chromium');
    const installed = await findCommand(...NAMES);
    if (installed) return installed;
  }
  throw new Error(`the page tests need Chromium: install one of ${NAMES.join(', ')}, or set CHROMIUM_PATH`);
}
