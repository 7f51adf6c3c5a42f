import { Body, Controller, Delete, Get, Patch, Post, Put } from '@nestjs/common';
import { CsrfExempt, CurrentHttpSession, type HttpSession } from 'nest-sessions';

/** Handlers with no guard of their own, and what ran of them. */
export class FormsControllerBase {
  static readonly ran: string[] = [];

  protected run(name: string): { ran: string } {
    FormsControllerBase.ran.push(name);
    return { ran: name };
  }
}

@Controller('forms')
export class FormsController extends FormsControllerBase {
  @Get()
  read() {
    return this.run('read');
  }

  @Post()
  post() {
    return this.run('post');
  }

  @Put()
  put() {
    return this.run('put');
  }

  @Patch()
  patch() {
    return this.run('patch');
  }

  @Delete()
  delete() {
    return this.run('delete');
  }

  @CsrfExempt()
  @Post('exempt')
  exempt() {
    return this.run('exempt');
  }

  @Get('csrf-token')
  async token(@CurrentHttpSession() http: HttpSession) {
    return { token: (await http.csrfToken()) ?? null };
  }

  /** Signs in and answers with the new session's token at once, as a single-page application wants it. */
  @Post('sign-in')
  async signIn(@Body() { userId }: { userId: string }, @CurrentHttpSession() http: HttpSession) {
    await http.signIn({ userId });
    return { token: await http.csrfToken() };
  }
}

@CsrfExempt()
@Controller('callbacks')
export class CallbacksController extends FormsControllerBase {
  @Post()
  post() {
    return this.run('callback');
  }
}

/** What it adds was not looked at when its base class was exempted. */
@Controller('more-callbacks')
export class MoreCallbacksController extends CallbacksController {
  @Post('added')
  added() {
    return this.run('added');
  }
}
