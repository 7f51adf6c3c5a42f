import { DataSource } from 'typeorm';
import type { SessionDependencyToken } from '../../../core/ports/store-definition.js';

/**
 * The token under which `@nestjs/typeorm` provides a DataSource: what its `getDataSourceToken` returns, without
 * importing Nest.
 */
export function dataSourceToken(name = 'default'): SessionDependencyToken {
  return name === 'default' ? DataSource : `${name}DataSource`;
}
