//! The signaling service: browsers meet here, over WebSockets.
