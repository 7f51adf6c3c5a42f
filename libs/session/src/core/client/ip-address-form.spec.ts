import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { isIPv6 } from 'node:net';
import { normalizeIpAddress } from './client-details.js';
import { createIpAddressForm } from './ip-address-form.js';

const KEY = 'k'.repeat(32);
const ipv4 = fc.ipV4();
const ipv6 = fc.ipV6();
const NOT_ADDRESSES = ['', 'localhost', '203.0.113.7, 10.0.0.1', '203.0.113.7:443', null, undefined];

describe('the form of a client’s address (privacy)', () => {
  it.each([
    ['203.0.113.7', '203.0.113.0'],
    ['255.255.255.255', '255.255.255.0'],
    ['10.0.0.0', '10.0.0.0'],
    ['::ffff:203.0.113.7', '203.0.113.0'],
    ['::ffff:cb00:7107', '203.0.113.0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::'],
    ['2001:DB8:ABCD:EF01::1', '2001:db8:abcd::'],
    ['2001:db8::1', '2001:db8::'],
    ['1::2:3:4:5:6:7', '1:0:2::'],
    ['1:2:3:4:5:6::', '1:2:3::'],
    ['::1', '::'],
    ['::1.2.3.4', '::'],
    ['64:ff9b::203.0.113.7', '64:ff9b::'],
    ['fe80::1%eth0', 'fe80::'],
  ])('truncated: %s is kept as %s', (address, wanted) => {
    expect(createIpAddressForm('truncated')(address)).toBe(wanted);
  });

  it('truncated: a 6to4 address does not keep the whole IPv4 address that it is made of', () => {
    const truncate = createIpAddressForm('truncated');
    expect(truncate('2002:cb00:7107::1')).toBe('2002:cb00:7100::');
    expect(truncate('2002:cb00:71ff:1::1')).toBe('2002:cb00:7100::');
  });

  it('truncated: addresses of one network are one, whatever comes after it', () => {
    const truncate = createIpAddressForm('truncated');
    const byte = fc.nat(255);
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte), byte, byte, ([a, b, c], one, other) => {
        expect(truncate(`${a}.${b}.${c}.${one}`)).toBe(truncate(`::ffff:${a}.${b}.${c}.${other}`));
      }),
    );
    const group = fc.nat(0xffff).map((value) => value.toString(16));
    const rest = fc.array(group, { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(fc.tuple(group, group, group), rest, rest, (network, one, other) => {
        // What looks like an IPv4-mapped address is one, and truncated as such.
        fc.pre(network.join('') !== '000');
        expect(truncate([...network, ...one].join(':'))).toBe(truncate([...network, ...other].join(':')));
      }),
    );
  });

  it('truncated: is an address in its shortest form, and truncating it again changes nothing', () => {
    const truncate = createIpAddressForm('truncated');
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (address) => {
        const once = truncate(address);
        expect(once).not.toBeNull();
        expect(normalizeIpAddress(once)).toBe(once);
        expect(truncate(once)).toBe(once);
      }),
    );
  });

  it('hashed: is a unique local address that reveals nothing without the key, the same for the same client', () => {
    const hash = createIpAddressForm('hashed', KEY);
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (address) => {
        const hashed = hash(address) ?? '';
        expect(isIPv6(hashed)).toBe(true);
        expect(hashed).toMatch(/^fd[0-9a-f]{2}:/);
        expect(normalizeIpAddress(hashed)).toBe(hashed);
        expect(hash(address)).toBe(hashed);
        expect(createIpAddressForm('hashed', 'o'.repeat(32))(address)).not.toBe(hashed);
      }),
    );
    expect(hash('::ffff:203.0.113.7')).toBe(hash('203.0.113.7'));
    expect(hash('2001:db8:0:0::1')).toBe(hash('2001:DB8::1'));
    expect(hash('203.0.113.7')).not.toBe(hash('203.0.113.8'));
    expect(hash('fd00::1')).not.toBe('fd00::1');
  });

  it('hashed: stays as it is from version to version, or stored addresses would match nothing any more', () => {
    expect(createIpAddressForm('hashed', KEY)('203.0.113.7')).toMatchInlineSnapshot(
      `"fd31:219:95d6:1fee:96d4:d0c0:d31b:1804"`,
    );
    expect(createIpAddressForm('hashed', Buffer.from(KEY))('2001:db8::1')).toMatchInlineSnapshot(
      `"fde3:4c7e:1201:e30e:792:7ce9:70bd:e474"`,
    );
  });

  it('none: keeps nothing', () => {
    fc.assert(fc.property(fc.oneof(ipv4, ipv6), (address) => expect(createIpAddressForm('none')(address)).toBeNull()));
  });

  it('full: is the normalized address', () => {
    const form = createIpAddressForm('full');
    fc.assert(fc.property(fc.oneof(ipv4, ipv6), (address) => expect(form(address)).toBe(normalizeIpAddress(address))));
  });

  it.each(['full', 'truncated', 'hashed', 'none'] as const)('%s: treats anything but an address as unknown', (mode) => {
    for (const address of NOT_ADDRESSES) expect(createIpAddressForm(mode, KEY)(address)).toBeNull();
  });
});
