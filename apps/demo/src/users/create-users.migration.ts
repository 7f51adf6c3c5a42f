import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tableName } from '../database/table-name.js';

/** The table of users. Its number is lower than that of the session tables, which refer to it. */
export class CreateUsers1795300000000 implements MigrationInterface {
  // Named, because a minified or compiled class name must never decide what has run.
  name = 'CreateUsers1795300000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table ${tableName(queryRunner, 'users')} (
        id bigint generated always as identity primary key,
        email text not null unique check (email = lower(email)),
        name text not null,
        password_hash text not null,
        created_at timestamptz not null default now()
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table ${tableName(queryRunner, 'users')}`);
  }
}
