import { Gate } from './barrier.js';

/** Wraps ports so that a test sees each call and can hold a call before or after its work. */
export class PortCalls {
  /** Names such as `hot.read`, in the order in which the calls began. */
  readonly made: string[] = [];
  private readonly gates = new Map<string, Pick<Gate, 'pass'>>();

  /**
   * Holds the next call that reaches this point until the gate is opened.
   *
   * @param point - Such as `before hot.promote`.
   */
  holdNext(point: string): Gate {
    const gate = new Gate();
    this.gates.set(point, gate);
    return gate;
  }

  /** Rejects the next call that reaches this point. */
  failNext(point: string, error: Error): void {
    this.gates.set(point, { pass: () => Promise.reject(error) });
  }

  wrap<Port extends object>(side: string, port: Port): Port {
    return aroundCalls(port, async (method, call) => {
      const name = `${side}.${method}`;
      this.made.push(name);
      await this.pass(`before ${name}`);
      const result = await call();
      await this.pass(`after ${name}`);
      return result;
    });
  }

  private async pass(point: string): Promise<void> {
    const gate = this.gates.get(point);
    this.gates.delete(point);
    await gate?.pass();
  }
}

/** Returns the same port with a function around each method. All methods must be asynchronous. */
export function aroundCalls<Port extends object>(
  port: Port,
  around: (method: string, call: () => Promise<unknown>) => Promise<unknown>,
): Port {
  return new Proxy(port, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => around(String(key), async () => Reflect.apply(member, target, args) as unknown);
    },
  });
}
