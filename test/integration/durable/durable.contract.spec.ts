import { describeSessionStore } from 'nest-sessions/testing';
import { createPostgresDurableHarness } from './world.js';

// Alone, the durable side of a hybrid store is a session store like any other.
describeSessionStore('postgres, as durable side', createPostgresDurableHarness);
