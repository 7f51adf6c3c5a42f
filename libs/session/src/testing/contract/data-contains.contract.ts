import assert from 'node:assert/strict';
import { DATA_CONTAINS_CASES } from './data-contains.cases.js';
import type { ContractGroup } from './contract-group.js';

export const dataContainsContract: ContractGroup = {
  subject: 'dataContains',
  define(prove) {
    for (const { data, part, contained } of DATA_CONTAINS_CASES) {
      const [whole, wanted] = [JSON.stringify(data), JSON.stringify(part)];
      prove(`${whole} ${contained ? 'contains' : 'does not contain'} ${wanted}`, async (world) => {
        const userId = world.newUserId();
        const { id } = await world.create({ userId, data });
        const { records } = await world.store.listByUser({ userId, dataContains: part });
        assert.deepEqual(
          records.map((record) => record.id),
          contained ? [id] : [],
        );
      });
    }

    prove('finds exactly the sessions that passed MFA among many, of this user only', async (world) => {
      const [userId, stranger] = [world.newUserId(), world.newUserId()];
      const records = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          world.create({ userId: index % 5 === 4 ? stranger : userId, data: { mfaVerified: index % 2 === 0, index } }),
        ),
      );
      const verified = records.filter((record) => record.userId === userId && record.data['mfaVerified'] === true);
      const [ended] = verified;
      assert(ended && verified.length === 12);
      await world.other.revoke({ id: ended.id, reason: 'logout', endedBy: null });
      const found = await world.store.listByUser({ userId, dataContains: { mfaVerified: true } });
      assert.deepEqual(
        found.records.map(({ id }) => id).toSorted(),
        verified
          .slice(1)
          .map(({ id }) => id)
          .toSorted(),
      );
    });
  },
};
