import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../architecture/module-graph.js';
import { FAILURE_TABLE, OPERATIONS, OUTCOMES, SITUATION_NAMES, type Expectation } from './hybrid-failure-table.js';

const CALLS = 'what is called';

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Reads the tables of a Markdown file, cell by cell. */
function readTables(path: string): Table[] {
  const blocks = readFileSync(join(ROOT, path), 'utf8').split(/\n\s*\n/);
  return blocks
    .filter((block) => block.startsWith('|'))
    .map((block) => {
      const [header = [], , ...rows] = block
        .trim()
        .split('\n')
        .map((line) =>
          line
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.trim()),
        );
      return { header, rows };
    });
}

function findTables(path: string, firstHeader: string): Table[] {
  return readTables(path).filter(({ header }) => header[0] === firstHeader);
}

/** Lists situation, operation and outcome of every cell, in that order. */
function cellsOf(tables: readonly Table[]): string[] {
  return tables.flatMap(({ header, rows }) =>
    rows.flatMap(([operation, ...cells]) => cells.map((cell, i) => `${header[i + 1]}: ${operation}: ${cell}`)),
  );
}

function expectedCells(situations: readonly string[]): string[] {
  return Object.entries<Expectation>(FAILURE_TABLE)
    .filter(([situation]) => situations.includes(situation))
    .flatMap(([situation, { cells }]) =>
      OPERATIONS.map((operation) => `${situation}: ${operation}: ${cells[operation]}`),
    );
}

describe('docs/failure-table.md', () => {
  const path = 'docs/failure-table.md';

  it('says in each cell what the tests prove, every situation and operation once', () => {
    expect(cellsOf(findTables(path, CALLS)).toSorted()).toEqual(expectedCells(SITUATION_NAMES).toSorted());
  });

  it('says of each outcome what the caller gets, the status, what is pending and how it heals', () => {
    const [{ rows } = { rows: [] }] = findTables(path, 'outcome');
    const wanted = Object.entries(OUTCOMES).map(([name, { caller, status, pending, healed }]) => [
      name,
      caller,
      status,
      pending,
      healed,
    ]);
    expect(rows).toEqual(wanted);
  });

  it('says of each situation what becomes of the data', () => {
    const [{ rows } = { rows: [] }] = findTables(path, 'situation');
    const wanted = Object.entries<Expectation>(FAILURE_TABLE).map(([situation, { data }]) => [situation, data]);
    expect(rows.map(([situation, , data]) => [situation, data])).toEqual(wanted);
  });
});

describe('the short table in README.md', () => {
  it('says the same of the situations that it names', () => {
    const tables = findTables('README.md', CALLS);
    const named = tables.flatMap(({ header }) => header.slice(1));
    expect(named).toEqual(['Redis is down', 'Postgres is down', 'both are down']);
    expect(cellsOf(tables).toSorted()).toEqual(expectedCells(named).toSorted());
  });
});
