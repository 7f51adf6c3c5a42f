import { Controller, Get, NotFoundException, Param, Query, Res } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Public } from 'nest-sessions';
import { AssetLibrary } from './asset-library.js';

@Public()
@Controller('assets')
export class AssetsController {
  constructor(
    private readonly assets: AssetLibrary,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get(':name')
  asset(@Param('name') name: string, @Query('v') version: unknown, @Res() response: unknown): void {
    const asset = this.assets.find(name);
    if (!asset) throw new NotFoundException();
    const { httpAdapter } = this.adapterHost;
    const caching = version === asset.version ? 'public, max-age=31536000, immutable' : 'no-cache';
    httpAdapter.setHeader(response, 'Cache-Control', caching);
    httpAdapter.setHeader(response, 'Content-Type', asset.contentType);
    httpAdapter.reply(response, asset.body, 200);
  }
}
