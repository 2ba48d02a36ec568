import { interactionEvents } from './payloads.ts';
import type { WebhookBody } from './webhooks.ts';

/** What "Send test payload" sends: made-up people with the id `fake-id`, signed with the real key. */
export function testPayload(event: string, hookId: string, now: number): WebhookBody {
  const base = { event, hookId, createdAt: new Date(now).toISOString(), userAgent: 'fake-user-agent' };
  if (!interactionEvents.includes(event))
    return {
      ...base,
      path: '/fake-path/:id',
      method: 'POST',
      status: 200,
      params: { id: 'fake-id' },
      data: { result: 'success' },
    };
  return {
    ...base,
    sessionId: 'fake-session-id',
    userIp: 'fake-user-ip',
    userId: 'fake-id',
    user: {
      id: 'fake-id',
      username: 'fake-user',
      primaryEmail: 'fake-user@fake-service.com',
      primaryPhone: '1234567890',
      name: 'Fake User',
      avatar: 'https://fake-service.com/avatars/fake-user.png',
      customData: { theme: 'light' },
      identities: { google: { userId: 'fake-google-user-id' } },
      profile: {},
      applicationId: 'fake-application-id',
      isSuspended: false,
      lastSignInAt: now,
      createdAt: now,
      updatedAt: now,
    },
    application: {
      id: 'fake-spa-application-id',
      type: 'SPA',
      name: 'Fake Application',
      description: 'Fake application data for testing',
    },
  };
}
