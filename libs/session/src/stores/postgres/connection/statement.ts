import { createHash } from 'node:crypto';

/** SQL types of parameters, each with the JavaScript values that `pg` sends for it. */
interface SqlValues {
  readonly bigint: string | number | null;
  readonly 'bigint[]': readonly string[];
  readonly boolean: boolean;
  readonly bytea: Buffer;
  readonly float8: number;
  readonly 'float8[]': readonly number[];
  readonly inet: string | null;
  readonly integer: number;
  /** As JSON. */
  readonly jsonb: string | null;
  readonly text: string | null;
  readonly 'text[]': readonly string[];
  readonly timestamptz: Date | null;
  readonly uuid: string | null;
  readonly 'uuid[]': readonly string[];
}

export type SqlType = keyof SqlValues;

/** The parameters of a statement: name and SQL type, in the order of their numbers. */
export type Parameters = Readonly<Record<string, SqlType>>;

/** What stands in the text for each parameter, such as `$1::uuid`. */
export type Placeholders<P extends Parameters> = { readonly [Name in keyof P]: string };

/** One value for each parameter. */
export type Values<P extends Parameters> = { readonly [Name in keyof P]: SqlValues[P[Name]] };

/** A statement with its values, as a connection sends it. */
export interface Query {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/** A statement with the name under which each connection keeps it prepared. */
export interface Statement<P extends Parameters = Parameters> {
  readonly name: string;
  readonly text: string;
  /** Puts the values into the order of the placeholders. */
  bind(values: Values<P>): Query;
}

/**
 * Defines a statement whose placeholders are numbered and cast by the list of its parameters.
 *
 * The name holds a digest of the text: two stores on one pool never share a name for different statements.
 *
 * @example
 * ```ts
 * const find = defineStatement('find', { id: 'uuid' }, (p) => `select * from sessions where id = ${p.id}`);
 * find.text; // select * from sessions where id = $1::uuid
 * await pool.read(operation, find.bind({ id }));
 * ```
 * @throws {TypeError} The text leaves a parameter unused, or uses one that is not listed.
 */
export function defineStatement<const P extends Parameters>(
  operation: string,
  parameters: P,
  write: (placeholders: Placeholders<P>) => string,
): Statement<P> {
  const names = Object.keys(parameters);
  const unused = new Set(names);
  const placeholders = new Proxy<Parameters>(parameters, {
    get: (types, name: string) => {
      if (!names.includes(name))
        throw new TypeError(`statement ${operation} has no parameter ${name}: add it to the list`);
      unused.delete(name);
      return `$${names.indexOf(name) + 1}::${types[name]}`;
    },
  });
  const text = write(placeholders as Placeholders<P>);
  if (unused.size > 0)
    throw new TypeError(`statement ${operation} does not use ${[...unused].join(', ')}: take it off`);
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const name = `nest-sessions-${operation}-${digest}`;
  return { name, text, bind: (values) => ({ name, text, values: names.map((one) => values[one]) }) };
}
