/**
 * What we use of `@logto/express`. Its own declarations augment `http.IncomingMessage` with a `session` of plain
 * strings, for every file of a program that sees them; `paths` in tsconfig.json points here instead.
 */
import type { Router } from 'express';
import type { SdkConfig } from './auth-routes.ts';

export declare const handleAuthRoutes: (config: SdkConfig) => Router;
