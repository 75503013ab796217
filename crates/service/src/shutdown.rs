//! The wish to stop, handed to everything that runs.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Tells that a stop was requested. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Requests the stop.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// From now on a stop is requested; again is the same as once.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// A shutdown that [`Trigger::request`] starts. A dropped trigger starts it too.
    #[must_use]
    pub fn manual() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Self(receiver))
    }

    /// A shutdown that SIGTERM or SIGINT starts.
    ///
    /// # Errors
    /// When the system refuses signal handlers.
    pub fn on_signals() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (trigger, shutdown) = Self::manual();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            trigger.request();
            // Kept until the process ends: a second signal changes nothing.
            std::future::pending::<()>().await;
        });
        Ok(shutdown)
    }

    /// Waits for the request.
    pub async fn requested(&self) {
        // An error means that the trigger is gone, which is a request too.
        let _ = self.0.clone().wait_for(|requested| *requested).await;
    }

    /// Whether it was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}
