import { Module } from '@nestjs/common';
import { SecurityLog } from './security-log.service.js';

@Module({ providers: [SecurityLog] })
export class SecurityLogModule {}
