import type { Page } from './pages.service.js';

interface Problem {
  readonly title: string;
  readonly heading: string;
  readonly explanation: string;
  readonly link?: string;
}

const BAD_REQUEST: Problem = {
  title: 'Bad request',
  heading: 'That did not make sense to us',
  explanation: 'The form was sent in a way that we do not understand. Go back and try it again.',
};

const PROBLEMS: Record<number, Problem> = {
  403: {
    title: 'Request refused',
    heading: 'That did not come from our pages',
    explanation: 'Another site seems to have sent it, so nothing was done. If it was you, try it again from here.',
  },
  404: {
    title: 'Page not found',
    heading: 'There is no such page',
    explanation: 'The address may be mistyped, or the page has moved.',
  },
  503: {
    title: 'Back in a moment',
    heading: 'We cannot check your session right now',
    explanation:
      'You are still signed in; nothing is lost. This is a problem on our side, so please try again in a moment.',
    link: 'Try again',
  },
};

const UNEXPECTED: Problem = {
  title: 'Something went wrong',
  heading: 'Something went wrong',
  explanation: 'The problem is on our side and has been recorded. Please try again in a moment.',
};

const SIGN_IN_UNAVAILABLE: Problem = {
  title: 'Back in a moment',
  heading: 'Nobody can sign in right now',
  explanation: 'This is a problem on our side. Please try again in a moment.',
  link: 'Try again',
};

/** What else is refused of a request, such as its size or type, is no fault of ours. */
function findProblem(status: number): Problem {
  const isRefusal = status >= 400 && status < 500;
  return PROBLEMS[status] ?? (isRefusal ? BAD_REQUEST : UNEXPECTED);
}

/** The page for an HTTP status. `isVisitor`: without a session cookie, so there is no session to reassure about. */
export function problemPage(status: number, { isVisitor = false } = {}): Page<'problem'> {
  const problem = status === 503 && isVisitor ? SIGN_IN_UNAVAILABLE : findProblem(status);
  const { title, heading, explanation, link = 'Go to your account' } = problem;
  return { view: 'problem', title, status, model: { heading, explanation, link: { href: '/', text: link } } };
}

/** The cookie is gone from the browser, but whether the session has ended is not known. */
export function signOutIncompletePage(): Page<'problem'> {
  return {
    view: 'problem',
    title: 'Signed out on this browser',
    status: 503,
    model: {
      heading: 'Signed out on this browser only',
      explanation:
        'This browser has forgotten your session, but we could not end it on our side. It ends by itself 30 minutes ' +
        'after its last use; to end it sooner, sign in again in a moment and sign out all other devices.',
      link: { href: '/sign-in', text: 'Go to the sign-in page' },
    },
  };
}
