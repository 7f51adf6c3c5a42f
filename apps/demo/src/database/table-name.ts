import type { QueryRunner } from 'typeorm';

/** A table in the schema of the DataSource, quoted. */
export function tableName({ dataSource }: QueryRunner, table: string): string {
  const schema = 'schema' in dataSource.options ? dataSource.options.schema : undefined;
  return `"${schema ?? 'public'}"."${table}"`;
}
