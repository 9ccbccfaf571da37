//! The exchange of API keys at the API's own address: the published client 0.2.19 looks for it there.

use std::task::{Context, Poll};

use axum::Router;
use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt as _};

use crate::web::EXCHANGE_PATH;

/// Answers the exchange by the web port's router, and leaves all else to the calls.
#[derive(Clone)]
pub(crate) struct ExchangeLayer(pub(crate) Router);

#[derive(Clone)]
pub(crate) struct Exchange<S> {
    web: Router,
    calls: S,
}

impl<S> Layer<S> for ExchangeLayer {
    type Service = Exchange<S>;

    fn layer(&self, calls: S) -> Exchange<S> {
        Exchange { web: self.0.clone(), calls }
    }
}

impl<S> Service<Request<Body>> for Exchange<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.calls.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != EXCHANGE_PATH {
            return Either::Left(self.calls.call(request));
        }
        let answer = self.web.clone().oneshot(request.map(axum::body::Body::new));
        Either::Right(Box::pin(async move {
            let Ok(answer) = answer.await;
            Ok(answer.map(Body::new))
        }))
    }
}
