import { ConsoleLogger } from '@nestjs/common';

const WIRING = new Set<unknown>([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);
const BOOT_FAILURES = new Set<unknown>(['ExceptionHandler', 'NestApplication']);

/** Nest's logger without its account of how the application is wired, so that what matters at boot is seen. */
export class DemoLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (!WIRING.has(rest.at(-1))) super.log(message, ...rest);
  }

  /** What `main` will explain, it need not print as well. */
  override error(message: unknown, ...rest: unknown[]): void {
    if (!BOOT_FAILURES.has(rest.at(-1))) super.error(message, ...rest);
  }
}
