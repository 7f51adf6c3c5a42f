import { BadRequestException } from '@nestjs/common';

const MAX_LENGTH = 256;

/**
 * A text field of a form or JSON body; empty when it is missing.
 *
 * @throws {BadRequestException} Not text, longer than 256 characters, or with characters that no keyboard makes.
 */
export function readTextField(body: unknown, name: string): string {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
  if (value === undefined) return '';
  if (typeof value !== 'string' || value.length > MAX_LENGTH || value.includes('\0') || !value.isWellFormed()) {
    throw new BadRequestException(`${name} must be text of at most ${MAX_LENGTH} characters`);
  }
  return value;
}
