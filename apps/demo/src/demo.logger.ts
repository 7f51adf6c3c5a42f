import { ConsoleLogger } from '@nestjs/common';

const WIRING = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/** Nest's logger without its account of how the application is wired, so that what matters at boot is seen. */
export class DemoLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    const context: unknown = rest.at(-1);
    if (typeof context !== 'string' || !WIRING.has(context)) super.log(message, ...rest);
  }
}
