import { z } from 'zod';

/** What an account with an ESP may be called: the name stands in addresses, metrics and event ids. */
export const espName = /^[a-z0-9-]{1,64}$/;

/** The mark by which the OpenAPI document finds the places that take the name of a configured ESP; it then lists them. */
export const espNameFormat = 'esp-name';

/** The name of an ESP as it stands in a path; whether there is one of that name is not said. */
export const espNameText = z.string().max(128).meta({ format: espNameFormat });

/** One of the ESPs that this fleet has; which these are, only a running process knows. */
export const configuredEsp = z.string().regex(espName).meta({ format: espNameFormat });
