import { Global, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AssetLibrary } from './asset-library.js';
import { AssetsController } from './assets.controller.js';
import { HttpExceptionFilter } from './http-exception.filter.js';
import { OutageLog } from './outage-log.js';
import { Pages } from './pages.service.js';

@Global()
@Module({
  controllers: [AssetsController],
  providers: [AssetLibrary, Pages, OutageLog, { provide: APP_FILTER, useClass: HttpExceptionFilter }],
  exports: [Pages, OutageLog],
})
export class PagesModule {}
