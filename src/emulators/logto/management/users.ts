import { Router } from 'express';
import { z } from 'zod';
import { newId } from '../directory/ids.ts';
import { hashPassword, verifyPassword } from '../directory/passwords.ts';
import type { UserRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { publicUser } from '../webhooks/payloads.ts';
import { announce } from './announce.ts';
import { ManagementError, notFound } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import { presentedUser } from './presented.ts';
import { bodyOf } from './request-body.ts';
import { newUserInput, requireFree, userColumns, userInput } from './user-input.ts';
import { userMatcher } from './user-search.ts';

/** @throws ManagementError 404 `entity.not_found`. */
export function requireUser({ directory }: Issuer, id: string): UserRecord {
  const user = directory.users.get(id);
  if (!user) throw notFound();
  return user;
}

/** `/users`: list and search, create, read, change, suspend, delete. */
export function createUserRoutes(issuer: Issuer): Router {
  const { directory, issued, clock } = issuer;
  const router = Router();

  function change(id: string, changes: Partial<UserRecord>): UserRecord {
    const user = requireUser(issuer, id);
    return directory.users.put({ ...user, ...changes, updatedAt: clock.now() });
  }

  router.get('/users', (req, res) => {
    // Newest first; of equal times the order is the database's business, here the later one comes first.
    const found = directory.users.all().filter(userMatcher(req)).toReversed();
    found.sort((a, b) => b.createdAt - a.createdAt);
    sendPageOf(issuer, req, res, found, presentedUser);
  });

  router.post('/users', (req, res) => {
    const input = bodyOf(req, newUserInput);
    const columns = userColumns(input);
    requireFree(directory, columns);
    const now = clock.now();
    const user = directory.users.put({
      id: newId(12),
      username: null,
      primaryEmail: null,
      primaryPhone: null,
      name: null,
      avatar: null,
      customData: {},
      identities: {},
      lastSignInAt: null,
      createdAt: now,
      updatedAt: now,
      profile: {},
      applicationId: null,
      isSuspended: input.isSuspended ?? false,
      ...columns,
      password: input.password === undefined ? null : hashPassword(input.password),
      roleIds: directory.roles
        .all()
        .filter((role) => role.isDefault && role.type === 'User')
        .map((role) => role.id),
      organizations: {},
    });
    announce(issuer, req, res, 'User.Created', { data: presentedUser(user) });
    res.json(presentedUser(user));
  });

  router.get('/users/:userId', (req, res) => {
    const user = requireUser(issuer, req.params.userId);
    const sso = req.query.includeSsoIdentities === 'true' ? { ssoIdentities: [] } : {};
    res.json({ ...presentedUser(user), ...sso });
  });

  router.patch('/users/:userId', (req, res) => {
    requireUser(issuer, req.params.userId);
    const columns = userColumns(bodyOf(req, userInput));
    requireFree(directory, columns, req.params.userId);
    const user = presentedUser(change(req.params.userId, columns));
    announce(issuer, req, res, 'User.Data.Updated', { data: user });
    res.json(user);
  });

  router.delete('/users/:userId', (req, res) => {
    const user = requireUser(issuer, req.params.userId);
    issued.endSubject(user.id);
    directory.users.delete(user.id);
    announce(issuer, req, res, 'User.Deleted', { data: publicUser(user) });
    res.status(204).end();
  });

  router.patch('/users/:userId/is-suspended', (req, res) => {
    const { isSuspended } = bodyOf(req, z.object({ isSuspended: z.boolean() }));
    const user = change(req.params.userId, { isSuspended });
    // For good: lifting the suspension brings no session back.
    if (isSuspended) issued.endSubject(user.id);
    announce(issuer, req, res, 'User.SuspensionStatus.Updated', { data: presentedUser(user) });
    res.json(presentedUser(user));
  });

  router.patch('/users/:userId/password', (req, res) => {
    const { password } = bodyOf(req, z.object({ password: z.string().min(1) }));
    const user = presentedUser(change(req.params.userId, { password: hashPassword(password) }));
    announce(issuer, req, res, 'User.Data.Updated', { data: user });
    res.json(user);
  });

  router.post('/users/:userId/password/verify', (req, res) => {
    const { password } = bodyOf(req, z.object({ password: z.string().min(1) }));
    if (!verifyPassword(password, requireUser(issuer, req.params.userId).password))
      throw new ManagementError(
        422,
        'session.invalid_credentials',
        'Incorrect account or password. Please check your input.',
      );
    res.status(204).end();
  });

  router.get('/users/:userId/has-password', (req, res) => {
    res.json({ hasPassword: requireUser(issuer, req.params.userId).password !== null });
  });

  // The webhook of these two carries only what was changed, without the user.
  const json = z.record(z.string(), z.unknown());
  router.get('/users/:userId/custom-data', (req, res) => {
    res.json(requireUser(issuer, req.params.userId).customData);
  });
  router.patch('/users/:userId/custom-data', (req, res) => {
    const { customData } = bodyOf(req, z.object({ customData: json }));
    const merged = { ...requireUser(issuer, req.params.userId).customData, ...customData };
    change(req.params.userId, { customData: merged });
    announce(issuer, req, res, 'User.Data.Updated', { data: merged });
    res.json(merged);
  });
  router.patch('/users/:userId/profile', (req, res) => {
    const { profile } = bodyOf(req, z.object({ profile: json }));
    const merged = { ...requireUser(issuer, req.params.userId).profile, ...profile };
    change(req.params.userId, { profile: merged });
    announce(issuer, req, res, 'User.Data.Updated', { data: merged });
    res.json(merged);
  });
  return router;
}
