import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tableName } from '../database/table-name.js';

/** Creates the tables of authenticator apps and unused recovery codes. Deleting a user or an app deletes its rows. */
export class CreateSecondFactors1795300000001 implements MigrationInterface {
  name = 'CreateSecondFactors1795300000001';

  async up(queryRunner: QueryRunner): Promise<void> {
    const { users, factors, codes } = tablesOf(queryRunner);
    await queryRunner.query(`
      create table ${factors} (
        user_id bigint primary key references ${users} (id) on delete cascade,
        sealed_secret bytea not null,
        last_step integer not null,
        created_at timestamptz not null default now()
      )`);
    await queryRunner.query(`
      create table ${codes} (
        user_id bigint not null references ${factors} (user_id) on delete cascade,
        code_hash bytea not null,
        primary key (user_id, code_hash)
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const { factors, codes } = tablesOf(queryRunner);
    await queryRunner.query(`drop table ${codes}`);
    await queryRunner.query(`drop table ${factors}`);
  }
}

function tablesOf(queryRunner: QueryRunner) {
  return {
    users: tableName(queryRunner, 'users'),
    factors: tableName(queryRunner, 'totp_factors'),
    codes: tableName(queryRunner, 'recovery_codes'),
  };
}
