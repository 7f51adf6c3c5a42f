import { applyDecorators, Controller, UseFilters } from '@nestjs/common';
import { PageExceptionFilter } from './page-exception.filter.js';

/** A controller for people: what it throws becomes a page or leads to one. */
export const PageController = (path = '') => applyDecorators(Controller(path), UseFilters(PageExceptionFilter));
