/** Octets of an xDS message, also of what a compressed message inflates to: ten thousand services come in 21 MB. */
export const LARGEST_MESSAGE = 512 * 1024 * 1024;
