import type { HttpSession } from 'nest-sessions';
import type { NoticeKey } from '../pages/notices.js';

/** Signs one device of the user out. The notice for a stranger's or unknown id is that of a device already signed out. */
export async function endSession(http: HttpSession, id: string): Promise<NoticeKey> {
  return (await http.revoke(id)) ? 'device-signed-out' : 'device-already-signed-out';
}

/** Signs all other devices of the user out. */
export async function endOthers(http: HttpSession): Promise<NoticeKey> {
  return (await http.revokeOthers()) > 0 ? 'others-signed-out' : 'no-others';
}
