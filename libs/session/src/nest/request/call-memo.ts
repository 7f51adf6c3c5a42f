import { Readable } from 'node:stream';

/** A value and the key that it was kept for. Private to the engine, so that logging a request shows nothing of it. */
class Kept<T> {
  readonly #key: object;
  readonly #value: T;

  constructor(key: object, value: T) {
    this.#key = key;
    this.#value = value;
  }

  /** Returns `undefined` for another key: an object that copied or inherited the properties of the first one. */
  valueFor(key: object): T | undefined {
    return key === this.#key ? this.#value : undefined;
  }
}

/**
 * Remembers one value for each call, under the call's key and as long as that lives.
 *
 * The value is a property of the key. An entry in a WeakMap for every request would make each garbage collection of young
 * objects about twice as long.
 */
export class CallMemo<T> {
  readonly #property = Symbol('nest-sessions');
  /** For keys that accept no property. */
  readonly #others = new WeakMap<object, T>();

  get(key: object): T | undefined {
    // First: a key may have been closed after it took its property.
    const latest = Object.isExtensible(key) ? undefined : this.#others.get(key);
    return latest ?? (key as Record<symbol, Kept<T> | undefined>)[this.#property]?.valueFor(key);
  }

  set(key: object, value: T): void {
    if (!Object.isExtensible(key)) {
      this.#others.set(key, value);
      return;
    }
    const kept = new Kept(key, value);
    // Node's own request: a plain property, which costs a tenth.
    if (key instanceof Readable) (key as unknown as Record<symbol, Kept<T>>)[this.#property] = kept;
    // Any other key may be the application's own, such as the payload of a message, which it compares, copies and logs.
    else Object.defineProperty(key, this.#property, { value: kept, writable: true, configurable: true });
  }
}
